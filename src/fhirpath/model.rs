//! What the engine asks about types; the catalog answers.
//!
//! FHIRPath 2.0 <http://hl7.org/fhirpath/N1/#models> and R4 <https://hl7.org/fhir/R4/fhirpath.html#types>.
//! All answers are borrowed from the model and cost no allocation. A type is asked for by name once, then by number.

/// A FHIR type: its name for people, its number for the model.
#[derive(Debug, Clone, Copy)]
pub struct Type<'a> {
    /// `Patient`, `HumanName`, `code`, and for elements that are defined in place the path: `Patient.contact`.
    pub name: &'a str,
    /// The model's own number of this type.
    pub id: u16,
    pub kind: Kind,
}

impl PartialEq for Type<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

/// What a value of a type is in JSON, and the system type it converts to without being asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Boolean,
    /// `integer`, `positiveInt`, `unsignedInt`.
    Integer,
    Decimal,
    /// `string` and all that is text: `code`, `uri`, `id`, `base64Binary`, `xhtml`, …
    String,
    Date,
    /// `dateTime` and `instant`.
    DateTime,
    Time,
    /// `Quantity` and what derives from it: `Age`, `Count`, `Distance`, `Duration`.
    Quantity,
    /// A datatype or element with children.
    Complex,
    /// A resource of a known type.
    Resource,
    /// `Resource` or `DomainResource`: the object itself says in `resourceType` which.
    AnyResource,
}

impl Kind {
    /// Returns whether values are JSON booleans, numbers or strings.
    pub fn is_primitive(self) -> bool {
        !matches!(self, Kind::Quantity | Kind::Complex | Kind::Resource | Kind::AnyResource)
    }
}

/// An element as one JSON key holds it.
#[derive(Debug, Clone, Copy)]
pub struct Property<'a> {
    /// The name that expressions use: `value` for the key `valueQuantity`.
    pub name: &'a str,
    pub ty: Type<'a>,
    /// Whether the value is a JSON array.
    pub array: bool,
}

/// The types of one version of FHIR.
pub trait Model: Send + Sync {
    /// Returns the type of this name.
    fn named(&self, name: &str) -> Option<Type<'_>>;

    /// Returns what a JSON key holds in an object of type `parent`.
    ///
    /// `valueQuantity` is a key of Observation, `value` is not. Never asked for the `_key` of a primitive.
    fn property(&self, parent: u16, key: &str) -> Option<Property<'_>>;

    /// Returns whether objects of type `parent` can have an element that expressions call `name`.
    ///
    /// `value` is an element of Observation, `valueQuantity` is not.
    fn has_element(&self, parent: u16, name: &str) -> bool;

    /// Returns whether `ty` is `ancestor` or derives from it: `code` from `string`, `Patient` from `Resource`.
    fn is_subtype(&self, ty: u16, ancestor: u16) -> bool;
}
