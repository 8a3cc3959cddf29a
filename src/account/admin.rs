//! What administrators do with accounts: add, approve, suspend, activate, give roles, hand out links.
//!
//! Each is audited, and ends what must not go on. People who manage accounts do so below themselves: only an administrator
//! makes, or touches, those who manage and those who audit.

use super::{Accounts, Session, Visitor, password};
use crate::access::role::{Right, Role, has};
use crate::fault::{Fault, Kind};
use crate::fhir::{Instant, ResourceId, ResourceType};
use crate::store::audit::Entry;
use crate::store::identity::account::Account;
use crate::store::identity::client::Status;
use uuid::Uuid;

const LOGIN_MAX: usize = 100;
const NAME_MAX: usize = 200;

/// Roles of those who treat: somebody has to look at their license first.
const CLINICIANS: &[Role] = &[Role::Physician, Role::Nurse, Role::Pharmacist, Role::LabTechnician];
/// Roles that an administrator alone gives.
const HIGH: &[Role] = &[Role::Admin, Role::FacilityAdmin, Role::InsurerAuditor, Role::SystemAuditor];

/// Who does it.
#[derive(Debug, Clone)]
pub struct By {
    who: String,
    /// None for the operator of the server.
    person: Option<(Uuid, Vec<Role>)>,
    request: Box<str>,
}

/// A person to be added.
#[derive(Debug, Clone, Default)]
pub struct NewAccount {
    pub login: String,
    pub name: String,
    pub email: Option<String>,
    pub roles: Vec<Role>,
    /// `Practitioner/1`.
    pub fhir_user: Option<String>,
    /// None: the person sets one by a link.
    pub password: Option<String>,
}

impl By {
    /// Whoever may run commands on the server's own host.
    pub fn operator() -> By {
        By { who: "operator".to_string(), person: None, request: "command".into() }
    }

    pub fn person(session: &Session, visitor: &Visitor) -> By {
        let account = &session.account;
        let person = Some((account.id, account.roles.clone()));
        By { who: account.id.to_string(), person, request: visitor.request.clone() }
    }

    /// Returns whether they may change this person at all.
    pub fn may_change(&self, account: &Account) -> bool {
        self.may_touch(Some(account.id), &account.roles).is_ok()
    }

    /// Returns whether they may give this role.
    pub fn may_give(&self, role: Role) -> bool {
        self.may_touch(None, &[role]).is_ok()
    }

    /// Refuses what is not theirs to do to an account with these roles.
    fn may_touch(&self, target: Option<Uuid>, roles: &[Role]) -> Result<(), Fault> {
        let Some((own, held)) = &self.person else { return Ok(()) };
        if !has(held, Right::ManageAccounts) {
            return Err(Fault::new(Kind::Forbidden, "You may not manage people."));
        }
        if target == Some(*own) {
            return Err(Fault::new(
                Kind::Forbidden,
                "Nobody changes their own account here: ask another administrator.",
            ));
        }
        if !held.contains(&Role::Admin) && roles.iter().any(|role| HIGH.contains(role)) {
            return Err(Fault::new(Kind::Forbidden, "Only an administrator may do this for such a role."));
        }
        Ok(())
    }
}

impl Accounts {
    /// Adds a person. Clinicians added on a page wait for approval; whom the operator adds does not.
    pub async fn add(&self, new: &NewAccount, by: &By) -> Result<Account, Fault> {
        by.may_touch(None, &new.roles)?;
        let login = new.login.trim().to_lowercase();
        let name = new.name.trim().to_string();
        if !is_login(&login) {
            let words = format!("A login has 1 to {LOGIN_MAX} characters: letters a to z, digits and . _ - + @");
            return Err(Fault::new(Kind::BusinessRule, words));
        }
        if name.is_empty() || name.chars().count() > NAME_MAX || name.chars().any(char::is_control) {
            return Err(Fault::new(Kind::BusinessRule, format!("A name has 1 to {NAME_MAX} characters.")));
        }
        if new.roles.is_empty() {
            return Err(Fault::new(Kind::BusinessRule, "A person needs at least one role."));
        }
        let email = new.email.as_deref().map(str::trim).filter(|email| !email.is_empty());
        if email.is_some_and(|email| !is_email(email)) {
            return Err(Fault::new(Kind::BusinessRule, "This is not an email address."));
        }
        let fhir_user = new.fhir_user.as_deref().map(link).transpose()?;
        if let Some(password) = &new.password {
            password::check(password, &login, &name)?;
        }
        let waits = by.person.is_some() && new.roles.iter().any(|role| CLINICIANS.contains(role));
        let account = Account {
            id: Uuid::new_v4(),
            login,
            name,
            email: email.map(str::to_string),
            status: if waits { Status::Waiting } else { Status::Active },
            roles: sorted(&new.roles),
            fhir_user,
            password: match &new.password {
                Some(password) => Some(password::hashed(password).await?),
                None => None,
            },
            created: Instant::now(),
            totp: None,
            totp_step: 0,
        };
        if !self.store.add_account(&account).await? {
            return Err(Fault::new(Kind::Duplicate, "There is a person with this login already."));
        }
        self.told(by, &account, "added").await;
        Ok(account)
    }

    /// Lets a person in who waits for it.
    pub async fn approve(&self, id: Uuid, by: &By) -> Result<Account, Fault> {
        let account = self.target(id, by).await?;
        if account.status != Status::Waiting {
            return Err(Fault::new(Kind::BusinessRule, "This person does not wait for approval."));
        }
        self.put_status(account, Status::Active, "approved", by).await
    }

    /// Lets a person in again.
    pub async fn activate(&self, id: Uuid, by: &By) -> Result<Account, Fault> {
        let account = self.target(id, by).await?;
        self.put_status(account, Status::Active, "activated", by).await
    }

    /// Keeps a person out: sessions end at once, tokens within a second.
    pub async fn suspend(&self, id: Uuid, by: &By) -> Result<Account, Fault> {
        let account = self.target(id, by).await?;
        let account = self.put_status(account, Status::Suspended, "suspended", by).await?;
        self.end_everything(id).await?;
        Ok(account)
    }

    /// Gives a person these roles and no others. Tokens that carry those of before end.
    pub async fn set_roles(&self, id: Uuid, roles: &[Role], by: &By) -> Result<Account, Fault> {
        let account = self.target(id, by).await?;
        by.may_touch(Some(id), roles)?;
        if roles.is_empty() {
            return Err(Fault::new(Kind::BusinessRule, "A person needs at least one role."));
        }
        let roles = sorted(roles);
        self.store.set_roles(id, &roles).await?;
        self.end_tokens(id).await?;
        let names: Vec<&str> = roles.iter().map(|role| role.name()).collect();
        self.told(by, &account, &format!("roles {}", names.join(" "))).await;
        Ok(Account { roles, ..account })
    }

    /// Returns a link by which this person sets a password, once and soon.
    pub async fn reset_link(&self, id: Uuid, by: &By) -> Result<String, Fault> {
        let account = self.target(id, by).await?;
        let link = self.keep_reset(&account).await?;
        self.told(by, &account, "a link to set a password was made").await;
        Ok(link)
    }

    /// Takes the second factors of a person away who has lost them: authenticator app, recovery codes and passkeys. Ends all
    /// that they were signed in to, and returns a link to set a password: the one of before may not be theirs alone.
    pub async fn remove_factors(&self, id: Uuid, by: &By) -> Result<String, Fault> {
        let account = self.target(id, by).await?;
        self.store.remove_totp(id).await?;
        self.store.remove_passkeys(id).await?;
        self.end_everything(id).await?;
        self.told(by, &account, "second factors removed").await;
        self.reset_link(id, by).await
    }

    async fn put_status(&self, account: Account, status: Status, detail: &str, by: &By) -> Result<Account, Fault> {
        self.store.set_status(account.id, status).await?;
        self.told(by, &account, detail).await;
        Ok(Account { status, ..account })
    }

    /// Returns an account that these hands may touch.
    async fn target(&self, id: Uuid, by: &By) -> Result<Account, Fault> {
        let account = self.store.account(id).await?;
        let account = account.ok_or_else(|| Fault::new(Kind::NotFound, "There is no such person."))?;
        by.may_touch(Some(id), &account.roles)?;
        Ok(account)
    }

    async fn told(&self, by: &By, account: &Account, detail: &str) {
        let entry = Entry::event("account", &by.request, &by.who, 200);
        self.recorder.note(entry.with_detail(format!("{}: {detail}", account.id))).await;
    }
}

/// Returns the resource that stands for a person: a Patient, Practitioner or RelatedPerson.
pub fn link(text: &str) -> Result<(ResourceType, ResourceId), Fault> {
    const PEOPLE: &[&str] = &["Patient", "Practitioner", "RelatedPerson"];
    let parts = text.split_once('/').filter(|(t, _)| PEOPLE.contains(t));
    parts.and_then(|(t, id)| ResourceType::parse(t).zip(ResourceId::parse(id))).ok_or_else(|| {
        Fault::new(Kind::BusinessRule, format!("A person is a {}, such as Practitioner/1.", PEOPLE.join(", ")))
    })
}

fn sorted(roles: &[Role]) -> Vec<Role> {
    let mut roles = roles.to_vec();
    roles.sort_unstable();
    roles.dedup();
    roles
}

fn is_login(login: &str) -> bool {
    let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-+@".contains(&b);
    (1..=LOGIN_MAX).contains(&login.len()) && login.bytes().all(fits)
}

fn is_email(email: &str) -> bool {
    let parts = email.split_once('@');
    let is_plain = !email.chars().any(|c| c.is_whitespace() || c.is_control()) && email.len() <= 254;
    is_plain && parts.is_some_and(|(local, host)| !local.is_empty() && host.contains('.') && !host.contains('@'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_administrator_touches_those_who_manage() {
        let person =
            |roles: &[Role]| By { who: String::new(), person: Some((Uuid::nil(), roles.to_vec())), request: "".into() };
        let other = Some(Uuid::max());
        for (by, target, roles, want) in [
            (By::operator(), other, &[Role::Admin][..], true),
            (person(&[Role::Admin]), other, &[Role::Admin], true),
            (person(&[Role::Admin]), Some(Uuid::nil()), &[Role::Nurse], false),
            (person(&[Role::FacilityAdmin]), other, &[Role::Nurse], true),
            (person(&[Role::FacilityAdmin]), other, &[Role::Nurse, Role::Admin], false),
            (person(&[Role::FacilityAdmin]), None, &[Role::SystemAuditor], false),
            (person(&[Role::Physician]), other, &[Role::Patient], false),
        ] {
            assert_eq!(by.may_touch(target, roles).is_ok(), want, "{by:?} {target:?} {roles:?}");
        }
    }

    #[test]
    fn a_login_is_plain_and_a_person_is_a_person() {
        for (login, want) in
            [("ada", true), ("ada@x.example", true), ("", false), ("a b", false), ("ada:x", false), ("é", false)]
        {
            assert_eq!(is_login(login), want, "{login}");
        }
        for (text, want) in [
            ("Practitioner/1", true),
            ("Patient/a-b", true),
            ("RelatedPerson/9", true),
            ("Organization/1", false),
            ("Patient", false),
            ("Patient/", false),
            ("Patient/a/b", false),
            ("patient/1", false),
        ] {
            assert_eq!(link(text).is_ok(), want, "{text}");
        }
    }
}
