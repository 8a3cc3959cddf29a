//! What the search of every type is made of, put together once from the catalog.
//!
//! R4 <https://hl7.org/fhir/R4/searchparameter-registry.html>.

mod composite;

use super::column::{Column, Param, ParamColumn, Rank, Role};
use super::computed::Computed;
use super::jsonpath;
use super::key::Keyer;
use super::kind::{self, token};
use super::path::{self, Branch, Path, Step};
use super::progress::Progress;
use super::route::{self, Route};
use super::timeline;
use super::tree::{Leaf, Node};
use super::tuple::Tuple;
use crate::catalog::{Catalog, Origin, ParamKind, SearchParam};
use crate::fhir::ResourceType;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The searchable side of a catalog. Immutable: a new search parameter makes a new one.
#[derive(Debug)]
pub struct Registry {
    pub catalog: Arc<Catalog>,
    pub keyer: Keyer,
    /// The server's own address, without a slash at the end.
    pub base_url: Box<str>,
    /// How far the index rows of the database are those of this registry.
    pub progress: Progress,
    types: Arc<Vec<TypeIndex>>,
}

/// The searchable side of one resource type.
#[derive(Debug, Default)]
pub struct TypeIndex {
    pub columns: Vec<Column>,
    pub tree: Node,
    /// Columns that need FHIRPath.
    pub computed: Vec<Computed>,
    /// What composites find together in one item.
    pub tuples: Vec<Tuple>,
    pub has_timeline: bool,
    params: BTreeMap<Box<str>, Param>,
}

impl Registry {
    /// Returns the registry over a database whose rows are all its own.
    pub fn new(catalog: Arc<Catalog>, base_url: &str) -> Registry {
        Registry::over(catalog, base_url, Progress::default())
    }

    /// Returns the registry over a database that is as far as `progress` says.
    pub fn over(catalog: Arc<Catalog>, base_url: &str, progress: Progress) -> Registry {
        let keyer = Keyer::fixed();
        let types = ResourceType::all().map(|t| Build::new(&catalog, &keyer, t).finish(&progress)).collect();
        Registry { types: Arc::new(types), keyer, base_url: base_url.trim_end_matches('/').into(), progress, catalog }
    }

    /// Returns this registry over a database in another state, in which it has nothing to catch up with either.
    pub fn caught_up(&self, epoch: i32) -> Registry {
        Registry {
            catalog: self.catalog.clone(),
            keyer: self.keyer,
            base_url: self.base_url.clone(),
            progress: Progress::complete(epoch),
            types: self.types.clone(),
        }
    }

    /// Returns what a parameter of the catalog lacks that a search by it is refused; none for one that is answered.
    pub fn pending(&self, t: ResourceType, code: &str) -> Option<String> {
        let param = self.of(t).params.get(code).filter(|param| !param.ready)?;
        let done = self.progress.percent(t);
        Some(format!("is being indexed: {done} % of {t} done ({}); try again when it is complete", param.spec.url))
    }

    /// Returns a number that changes when resources of the type get other rows than before.
    pub fn fingerprint(&self, t: ResourceType) -> i64 {
        let mut keys = self.column_keys(t);
        keys.sort_unstable();
        let bytes: Vec<u8> = keys.iter().flat_map(|key| key.to_le_bytes()).collect();
        self.keyer.hash(&[b"rows", &FORMAT.to_le_bytes(), &bytes])
    }

    /// Returns the keys of all columns of a type.
    pub fn column_keys(&self, t: ResourceType) -> Vec<i64> {
        self.of(t).columns.iter().map(|column| column.key).collect()
    }

    pub fn of(&self, t: ResourceType) -> &TypeIndex {
        &self.types[t.number() as usize]
    }
}

/// Raise this when known columns get other rows than before, so that every database is indexed anew.
///
/// 2: references on the resource's own row. 3: whom it is about, and links.
const FORMAT: i64 = 3;

impl TypeIndex {
    /// Returns the parameter; none when it is unknown, answered from elsewhere than the index (`_id`, `_text`), or not
    /// indexed to the end: see [`Registry::pending`].
    pub fn param(&self, code: &str) -> Option<&Param> {
        self.params.get(code).filter(|param| param.ready)
    }

    pub fn params(&self) -> impl Iterator<Item = &Param> {
        self.params.values().filter(|param| param.ready)
    }
}

impl Registry {
    /// Returns the parameters of a type that wait for their rows.
    pub fn waiting(&self, t: ResourceType) -> impl Iterator<Item = &Param> {
        self.of(t).params.values().filter(|param| !param.ready)
    }
}

/// Returns the branches of a parameter's expression by which no value of a type can be read, with the reason.
pub fn unread(catalog: &Catalog, t: ResourceType, spec: &Arc<SearchParam>) -> Vec<(String, String)> {
    let keyer = Keyer::fixed();
    let mut build = Build::new(catalog, &keyer, t);
    if spec.kind == ParamKind::Composite {
        build.composite(spec);
        let why = format!("has parts that cannot be read together from {t}");
        return if build.out.params.is_empty() { vec![(spec.expression_text.to_string(), why)] } else { Vec::new() };
    }
    let kind = spec.kind.code();
    let mut unread = Vec::new();
    for group in groups(&spec.expression_text, t) {
        match group {
            Group::Path { path, casts } if build.path_column(Source::of(spec), &path, &casts).is_none() => {
                let cast = if casts.is_empty() { String::new() } else { format!(" as {}", casts.join(" or ")) };
                let why = format!("leads to no element of {t} that a {kind} parameter can read");
                unread.push((format!("{path}{cast}"), why));
            }
            Group::Computed(text) => {
                unread.extend(super::computed::wrong(catalog, t, spec.kind, &text).map(|why| (text.to_string(), why)))
            }
            Group::Path { .. } => {}
        }
    }
    unread
}

/// What a column is made for.
#[derive(Clone, Copy)]
struct Source<'s> {
    kind: ParamKind,
    /// Of a parameter of the database.
    origin: Option<&'s Origin>,
}

impl<'s> Source<'s> {
    fn of(spec: &'s SearchParam) -> Source<'s> {
        Source { kind: spec.kind, origin: spec.origin.as_ref() }
    }
}

/// One type in the making.
struct Build<'a> {
    catalog: &'a Catalog,
    keyer: &'a Keyer,
    t: ResourceType,
    out: TypeIndex,
}

impl<'a> Build<'a> {
    fn new(catalog: &'a Catalog, keyer: &'a Keyer, t: ResourceType) -> Build<'a> {
        Build { catalog, keyer, t, out: TypeIndex::default() }
    }

    fn finish(mut self, progress: &Progress) -> TypeIndex {
        // Parameters of the database find the columns of the others there already.
        let (others, own): (Vec<_>, Vec<_>) = self.catalog.params(self.t).iter().partition(|s| s.origin.is_none());
        for spec in others.into_iter().chain(own) {
            // The id and the time of change are columns of the resource's own row.
            if !matches!(&*spec.code, "_id" | "_lastUpdated") && spec.kind != ParamKind::Composite {
                self.param(spec);
            }
        }
        // Composites read the columns of the others.
        for spec in self.catalog.params(self.t).iter().filter(|spec| spec.kind == ParamKind::Composite) {
            self.composite(spec);
        }
        self.mark_compartment();
        self.mark_timeline();
        for param in self.out.params.values_mut() {
            let parts = param.foci.iter().flat_map(|focus| &focus.parts).flat_map(|part| &part.param.columns);
            let mut columns = param.columns.iter().chain(parts).map(|c| &self.out.columns[usize::from(c.index)]);
            param.ready = columns.all(|column| progress.has(self.t, column));
        }
        self.out
    }

    fn param(&mut self, spec: &Arc<SearchParam>) {
        let mut columns: Vec<ParamColumn> = Vec::new();
        for group in groups(&spec.expression_text, self.t) {
            let found = match &group {
                Group::Path { path, casts } => self.path_column(Source::of(spec), path, casts),
                Group::Computed(text) => self.computed_column(Source::of(spec), text),
            };
            let resolves = match group {
                Group::Path { path, .. } => path.resolves,
                Group::Computed(_) => None,
            };
            columns.extend(found.map(|index| ParamColumn { index, resolves }));
        }
        if columns.is_empty() {
            return;
        }
        let targets = targets(spec, &columns, &self.out.columns);
        let ready = true;
        let param = Param { spec: spec.clone(), columns, targets, foci: Vec::new(), ready };
        self.out.params.insert(spec.code.clone(), param);
    }

    /// Returns the column of a path, made when it is new; none when no value there can be read as this kind.
    fn path_column(&mut self, source: Source, path: &Path, casts: &[Box<str>]) -> Option<u16> {
        let kind = source.kind;
        let mut name = path.to_string();
        if !casts.is_empty() {
            name = format!("{name}:{}", casts.join(","));
        }
        let name = match self.known_or_name(source, name) {
            Ok(known) => return Some(known),
            Err(name) => name,
        };
        let emitter = kind::of(kind).emitter;
        let routes = route::routes(self.catalog, self.catalog.resource(self.t), path, casts);
        let read: Vec<(Route, kind::Emit)> =
            routes.into_iter().filter_map(|r| Some((emitter(&r.type_name)?, r))).map(|(e, r)| (r, e)).collect();
        if read.is_empty() {
            return None;
        }
        let index = u16::try_from(self.out.columns.len()).ok()?;
        let column = self.column(kind, name, &read);
        self.out.columns.push(column);
        for (route, emit) in read {
            self.out.tree.insert(&route.hops, Leaf { column: index, emit });
        }
        Some(index)
    }

    fn column(&self, kind: ParamKind, name: String, read: &[(Route, kind::Emit)]) -> Column {
        let mut column = Column::new(self.keyer, self.t, kind, name);
        column.single = read.iter().all(|(r, _)| r.single && !holds_many(&r.type_name));
        column.lone = read.iter().all(|(r, _)| r.single);
        column.plain = read.iter().all(|(r, _)| token::is_plain(&r.type_name));
        column.canonical = read.iter().any(|(r, _)| &*r.type_name == "canonical");
        column.is_flag = read.iter().all(|(r, _)| &*r.type_name == "boolean");
        column.targets = reachable(read);
        column.codes = read.first().and_then(|(r, _)| r.codes.clone());
        column.rank = rank(kind, &column.path, read.first().map_or("", |(r, _)| &r.type_name));
        column.json_paths = read.iter().map(|(r, _)| jsonpath::of(&r.hops, &r.type_name).into()).collect();
        column
    }

    fn computed_column(&mut self, source: Source, text: &str) -> Option<u16> {
        let kind = source.kind;
        let name = match self.known_or_name(source, text.to_string()) {
            Ok(known) => return Some(known),
            Err(name) => name,
        };
        let index = u16::try_from(self.out.columns.len()).ok()?;
        let computed = Computed::new(index, kind, text)?;
        let mut column = Column::new(self.keyer, self.t, kind, name);
        column.single = false;
        column.lone = false;
        column.plain = false;
        column.is_flag = computed.is_flag();
        self.out.columns.push(column);
        self.out.computed.push(computed);
        Some(index)
    }

    /// Returns the column of a path, or the name that its new column has.
    ///
    /// The name says since when a parameter of the database counts: nobody removes the rows of one that is deleted, so
    /// that it must not find them when it comes back.
    fn known_or_name(&self, source: Source, path: String) -> Result<u16, String> {
        let known = |name: &str| self.out.columns.iter().position(|c| c.kind == source.kind && *c.path == *name);
        if let Some(known) = known(&path) {
            return Ok(known as u16);
        }
        let Some(origin) = source.origin else { return Err(path) };
        let name = format!("{path} since {}", origin.since);
        known(&name).map_or(Err(name), |known| Ok(known as u16))
    }

    fn columns_of(&self, code: &str) -> Vec<usize> {
        let columns = self.out.params.get(code).map_or(&[][..], |p| &p.columns);
        columns.iter().map(|c| usize::from(c.index)).collect()
    }

    fn mark_compartment(&mut self) {
        let codes = self.catalog.compartment("Patient").map_or(&[][..], |c| c.params(self.t));
        for code in codes {
            for index in self.columns_of(code) {
                self.out.columns[index].compartment = self.out.columns[index].kind == ParamKind::Reference;
            }
        }
    }

    fn mark_timeline(&mut self) {
        for (code, role) in timeline::parameters(self.t) {
            for index in self.columns_of(code) {
                let column = &mut self.out.columns[index];
                if column.role.is_none() && role_fits(column, role) {
                    column.role = Some(role);
                }
            }
        }
        self.out.has_timeline = self.out.columns.iter().any(|c| c.role == Some(Role::Patient));
    }
}

fn role_fits(column: &Column, role: Role) -> bool {
    match role {
        Role::Label => false,
        Role::Date => column.kind == ParamKind::Date && column.single,
        Role::Patient => column.kind == ParamKind::Reference,
        Role::Code | Role::Category => column.kind == ParamKind::Token && !column.plain,
    }
}

/// The branches of an expression, those that differ in their last cast together.
enum Group {
    Path { path: Path, casts: Vec<Box<str>> },
    Computed(Box<str>),
}

fn groups(expression: &str, t: ResourceType) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for branch in path::branches(expression, t) {
        let mut path = match branch {
            Branch::Path(path) => path,
            Branch::Computed(text) => {
                groups.push(Group::Computed(text));
                continue;
            }
        };
        let cast = match path.steps.last() {
            Some(Step::As(name)) => Some(name.clone()),
            _ => None,
        };
        path.steps.truncate(path.steps.len() - usize::from(cast.is_some()));
        let known = groups.iter_mut().find_map(|group| match group {
            Group::Path { path: known, casts } if *known == path && !casts.is_empty() => Some(casts),
            _ => None,
        });
        match (known, cast) {
            (Some(casts), Some(cast)) => {
                casts.push(cast);
                casts.sort();
            }
            (_, cast) => groups.push(Group::Path { path, casts: cast.into_iter().collect() }),
        }
    }
    groups
}

/// Returns the types that a reference without a type may lead to, by the parameter and by the elements it reads.
fn targets(spec: &SearchParam, uses: &[ParamColumn], columns: &[Column]) -> Vec<ResourceType> {
    let mut targets = Vec::new();
    for use_ in uses {
        let element = &columns[usize::from(use_.index)].targets;
        match use_.resolves {
            Some(only) => targets.push(only),
            None if element.is_empty() => targets.extend(&spec.targets),
            None => targets.extend(element.iter().filter(|t| spec.targets.is_empty() || spec.targets.contains(t))),
        }
    }
    targets.sort_unstable();
    targets.dedup();
    targets
}

/// Returns the types that any of the routes leads to; empty when one may lead to any.
fn reachable(routes: &[(Route, kind::Emit)]) -> Vec<ResourceType> {
    if routes.iter().any(|(route, _)| route.targets.is_empty()) {
        return Vec::new();
    }
    routes.iter().flat_map(|(route, _)| route.targets.iter().copied()).collect()
}

/// Returns whether one element of the type has several values to search for.
fn holds_many(type_name: &str) -> bool {
    matches!(type_name, "CodeableConcept" | "HumanName" | "Address" | "canonical")
}

fn rank(kind: ParamKind, path: &str, type_name: &str) -> Rank {
    match (kind, type_name) {
        _ if path.starts_with("meta.") => Rank::Flag,
        (ParamKind::Token, "Identifier" | "ContactPoint" | "id" | "uri") => Rank::Identity,
        (ParamKind::Token, "code" | "boolean") => Rank::Flag,
        (ParamKind::Token, _) if path == "category" => Rank::Flag,
        (ParamKind::Uri, _) => Rank::Identity,
        (ParamKind::String, _) => Rank::Text,
        _ => Rank::Code,
    }
}
