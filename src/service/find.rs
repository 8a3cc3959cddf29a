//! The door for what the server has to know before it writes: which resources are there that somebody else's message is about.
//!
//! Nothing of what is found goes out; the writes that come of it are decided, done and audited by [`Service::perform`].

use super::Service;
use crate::access::Principal;
use crate::access::policy::Needs;
use crate::access::scope::Letter;
use crate::fault::Fault;
use crate::fhir::{ResourceId, ResourceType};
use crate::interaction::condition::criteria;
use crate::search::Search;
use crate::store::{Store, Stored, View};

impl Service {
    /// Returns up to `max` current resources for each condition (`identifier=a|1`), in the order in which they were made. All
    /// questions go out together.
    pub async fn find(
        &self,
        principal: &Principal,
        asked: &[(ResourceType, String)],
        max: u32,
    ) -> Result<Vec<Vec<Stored>>, Fault> {
        let store = self.newest_store();
        let searches: Result<Vec<Search>, Fault> =
            asked.iter().map(|(t, query)| criteria(store.registry(), *t, query)).collect();
        let searches = searches?;
        let each = asked.iter().zip(&searches).map(|((t, _), search)| {
            let store = &store;
            async move {
                let grant = store.decide(principal, &Needs::Type(vec![Letter::Search, Letter::Read], *t)).await?;
                Ok::<_, Fault>(View::Pool(store).by_number(&grant, search, 0, max).await?)
            }
        });
        futures_util::future::try_join_all(each).await
    }

    /// Returns the current version of a resource; none where there is none that is not deleted.
    pub async fn look(&self, principal: &Principal, t: ResourceType, id: &ResourceId) -> Result<Option<Stored>, Fault> {
        let store = self.newest_store();
        let grant = store.decide(principal, &Needs::Type(vec![Letter::Read], t)).await?;
        let found = View::Pool(&store).read(&grant, t, id).await?;
        Ok(found.filter(|stored| !stored.is_deleted()))
    }

    fn newest_store(&self) -> Store {
        self.newest().map_or_else(|| self.store.clone(), |service| service.store.clone())
    }
}
