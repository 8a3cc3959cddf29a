//! Composite parameters: what their components read, alone or together in one item.
//!
//! R4 <https://hl7.org/fhir/R4/search.html#composite>. Where the composite starts from the resource, or from an element
//! that occurs once at most, the components' own columns say it all. Where the element repeats, a [`Tuple`] keeps
//! together what stands in one item.

use super::{Build, Group, Source, groups, targets};
use crate::catalog::{Component, ParamKind, SearchParam};
use crate::search::column::{Focus, Param, ParamColumn, Part, Place};
use crate::search::kind;
use crate::search::path::Path;
use crate::search::route::{self, Route};
use crate::search::tuple::{Last, Reader, Tuple};
use std::sync::Arc;

/// Begins a component that starts from the resource and not from the item.
const FROM_RESOURCE: &str = "%resource.";

impl Build<'_> {
    /// Adds a composite parameter; leaves it out when one of its components cannot be read.
    pub(super) fn composite(&mut self, spec: &Arc<SearchParam>) {
        let known = self.out.tuples.len();
        match self.foci(spec) {
            Some(foci) if !foci.is_empty() => {
                let (columns, targets, ready) = (Vec::new(), Vec::new(), true);
                let param = Param { spec: spec.clone(), columns, targets, foci, ready };
                self.out.params.insert(spec.code.clone(), param);
            }
            // Nobody would ask for what was begun.
            _ => self.out.tuples.truncate(known),
        }
    }

    fn foci(&mut self, spec: &SearchParam) -> Option<Vec<Focus>> {
        let parts: Option<Vec<_>> =
            spec.components.iter().map(|c| Some((c, self.definition(&c.definition)?))).collect();
        let parts = parts.filter(|parts| parts.len() > 1)?;
        let of = |group| match group {
            Group::Path { path, casts } if casts.is_empty() && path.resolves.is_none() => Some(path),
            _ => None,
        };
        groups(&spec.expression_text, self.t).into_iter().map(|group| self.focus(spec, &of(group)?, &parts)).collect()
    }

    /// Returns the parameter of this URL, as this type knows it if it does.
    fn definition(&self, url: &str) -> Option<Arc<SearchParam>> {
        let of_type = |t| self.catalog.params(t).iter().find(|p| &*p.url == url).cloned();
        of_type(self.t).or_else(|| crate::fhir::ResourceType::all().find_map(of_type))
    }

    fn focus(&mut self, spec: &SearchParam, path: &Path, parts: &[(&Component, Arc<SearchParam>)]) -> Option<Focus> {
        let routes = route::routes(self.catalog, self.catalog.resource(self.t), path, &[]);
        let [focus] = &routes[..] else { return None };
        let places = places(parts, focus.single)?;
        let (mut out, mut readers) = (Vec::new(), Vec::new());
        for ((component, definition), place) in parts.iter().zip(places) {
            let source = Source { kind: definition.kind, origin: spec.origin.as_ref() };
            let columns = match place {
                Place::Resource => self.own_columns(path, component, source)?,
                _ => {
                    let reader = self.reader(path, focus, component, source)?;
                    let index = reader.column;
                    readers.push((place, reader));
                    vec![ParamColumn { index, resolves: None }]
                }
            };
            let targets = targets(definition, &columns, &self.out.columns);
            let param = Param { spec: definition.clone(), columns, targets, foci: Vec::new(), ready: true };
            out.push(Part { param, place });
        }
        if !readers.is_empty() {
            let tuple = tuple(focus, readers)?;
            if !self.out.tuples.contains(&tuple) {
                self.out.tuples.push(tuple);
            }
        }
        Some(Focus { parts: out })
    }

    /// Returns the columns of a component that no other value has to stand beside.
    fn own_columns(&mut self, focus: &Path, component: &Component, source: Source) -> Option<Vec<ParamColumn>> {
        let mut columns = Vec::new();
        for (path, casts) in self.paths(focus, component)? {
            let known = self.wider_column(source.kind, &path, &casts);
            let index = known.or_else(|| self.path_column(source, &path, &casts))?;
            columns.push(ParamColumn { index, resolves: path.resolves });
        }
        Some(columns)
    }

    /// Returns a column that has the values of these types at least. So `code-value-quantity` reads what
    /// `value-quantity` reads, which is its definition, and adds no rows.
    fn wider_column(&self, kind: ParamKind, path: &Path, casts: &[Box<str>]) -> Option<u16> {
        let prefix = format!("{path}:");
        let holds = |name: &str| {
            let types = name.strip_prefix(&prefix);
            types.is_some_and(|types| casts.iter().all(|cast| types.split(',').any(|known| known == &**cast)))
        };
        let at = self.out.columns.iter().position(|c| c.kind == kind && !casts.is_empty() && holds(&c.path))?;
        u16::try_from(at).ok()
    }

    fn paths(&self, focus: &Path, component: &Component) -> Option<Vec<(Path, Vec<Box<str>>)>> {
        let text = &component.expression_text;
        let (base, text) = match text.strip_prefix(FROM_RESOURCE) {
            Some(rest) => (&Path::default(), rest),
            None => (focus, &**text),
        };
        let whole = |group| match group {
            Group::Path { path, casts } => {
                let steps = base.steps.iter().chain(&path.steps).cloned().collect();
                Some((Path { steps, resolves: path.resolves }, casts))
            }
            Group::Computed(_) => None,
        };
        groups(text, self.t).into_iter().map(whole).collect()
    }

    /// Returns how a component is read from one item, under a column of its own that the resource's walk does not fill.
    fn reader(&mut self, path: &Path, focus: &Route, component: &Component, source: Source) -> Option<Reader> {
        let emitter = kind::of(source.kind).emitter;
        let root = self.catalog.resource(self.t);
        let mut read = Vec::new();
        for (path, casts) in self.paths(path, component)? {
            let routes = route::routes(self.catalog, root, &path, &casts);
            read.extend(routes.into_iter().filter_map(|r| Some((emitter(&r.type_name)?, r))).map(|(e, r)| (r, e)));
        }
        let name = format!("{path}>{}", component.expression_text);
        if read.is_empty() {
            return None;
        }
        let index = match self.known_or_name(source, name) {
            Ok(known) => known,
            Err(name) => {
                let index = u16::try_from(self.out.columns.len()).ok()?;
                let column = self.column(source.kind, name, &read);
                self.out.columns.push(super::Column { single: false, ..column });
                index
            }
        };
        let below = |(route, emit): (Route, kind::Emit)| (route.hops[focus.hops.len()..].to_vec(), emit);
        Some(Reader { column: index, routes: read.into_iter().map(below).collect() })
    }
}

/// Returns how each component is found; none for a combination that cannot be kept together.
fn places(parts: &[(&Component, Arc<SearchParam>)], single: bool) -> Option<Vec<Place>> {
    let from_resource = |component: &Component| single || component.expression_text.starts_with(FROM_RESOURCE);
    let mut places: Vec<Place> =
        parts.iter().map(|(c, _)| if from_resource(c) { Place::Resource } else { Place::Key }).collect();
    let in_item: Vec<usize> = (0..parts.len()).filter(|at| places[*at] == Place::Key).collect();
    let is_key = |at: &usize| matches!(parts[*at].1.kind, ParamKind::Token | ParamKind::Reference | ParamKind::Uri);
    let values: Vec<usize> = in_item.iter().copied().filter(|at| !is_key(at)).collect();
    match (&values[..], in_item.last()) {
        ([], None) => {}
        ([], Some(last)) => places[*last] = Place::Last,
        ([value], _) => places[*value] = Place::Last,
        ([start, end], _) if [start, end].iter().all(|at| parts[**at].1.kind == ParamKind::Number) => {
            (places[*start], places[*end]) = (Place::Start, Place::End);
        }
        _ => return None,
    }
    Some(places)
}

fn tuple(focus: &Route, readers: Vec<(Place, Reader)>) -> Option<Tuple> {
    let (mut keys, mut last, mut start, mut end) = (Vec::new(), None, None, None);
    for (place, reader) in readers {
        match place {
            Place::Resource => {}
            Place::Key => keys.push(reader),
            Place::Last => last = Some(reader),
            Place::Start => start = Some(reader),
            Place::End => end = Some(reader),
        }
    }
    let last = match (last, start, end) {
        (Some(value), _, _) => Last::Value(value),
        (None, Some(start), Some(end)) => Last::Stretch { start, end },
        _ => return None,
    };
    Some(Tuple { focus: focus.hops.clone(), keys, last })
}
