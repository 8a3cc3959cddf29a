//! Connects the rows of `profiles/` into types: numbers, inheritance, choices, content references, value sets.
//!
//! R4 <https://hl7.org/fhir/R4/elementdefinition.html>. Two passes: first every type gets its number (primitives, then
//! files, then the elements defined in place), then the elements are read, so that order among files does not matter.

use std::collections::HashMap;
use std::sync::Arc;

use super::CatalogError;
use super::key_table::KeyTable;
use super::source::{ElementRow, PrimitiveRow, RuleRow, Source, TypeRows, ValueSetRow};
use super::types::{Field, FieldType, Primitive, Rule, TypeDef, TypeId, TypeKind};
use super::value_set::CodeSet;

/// The types and where their names lead.
pub(super) struct Types {
    pub defs: Vec<TypeDef>,
    pub by_name: HashMap<Box<str>, TypeId>,
    pub value_sets: HashMap<Box<str>, Arc<CodeSet>>,
}

/// Returns the types that the rows describe.
pub(super) fn types(source: &Source) -> Result<Types, CatalogError> {
    let plans = plan(source);
    let by_name = plans.iter().zip(0..).map(|(plan, i)| (Box::from(plan.name), TypeId(i))).collect();
    let value_sets = source.value_sets.iter().map(|row| (row.url.into(), Arc::new(code_set(row)))).collect();
    let mut assembly = Assembly { plans: &plans, by_name, value_sets, own: Vec::new() };
    for plan in &plans {
        let own = plan.elements.iter().map(|row| assembly.field(row)).collect::<Result<_, _>>()?;
        assembly.own.push(own);
    }
    let defs = (0..plans.len()).map(|i| assembly.type_def(i)).collect::<Result<_, _>>()?;
    Ok(Types { defs, by_name: assembly.by_name, value_sets: assembly.value_sets })
}

/// What is known of a type before its elements are read.
struct Plan<'a> {
    name: &'a str,
    kind: TypeKind,
    r#abstract: bool,
    base: Option<&'a str>,
    /// Its own elements, in order, without those of elements defined in place.
    elements: Vec<&'a ElementRow<'a>>,
    rules: &'a [RuleRow<'a>],
}

fn plan<'a>(source: &'a Source) -> Vec<Plan<'a>> {
    let mut plans: Vec<Plan> = source.primitives.iter().filter_map(primitive_plan).collect();
    let bases: HashMap<&str, &str> = source.types.iter().filter_map(|t| Some((t.name, t.base?))).collect();
    for rows in &source.types {
        plans.push(named_plan(rows, &bases));
    }
    for rows in &source.types {
        plans.extend(rows.elements.iter().filter(|e| is_defined_in_place(e)).map(|e| backbone_plan(rows, e)));
    }
    plans
}

fn primitive_plan<'a>(row: &'a PrimitiveRow) -> Option<Plan<'a>> {
    let kind = TypeKind::Primitive(Primitive::parse(row.name)?);
    Some(Plan { name: row.name, kind, r#abstract: false, base: Some(row.base), elements: Vec::new(), rules: &[] })
}

fn named_plan<'a>(rows: &'a TypeRows, bases: &HashMap<&str, &str>) -> Plan<'a> {
    let mut root = rows.name;
    while let Some(base) = bases.get(root) {
        root = base;
    }
    Plan {
        name: rows.name,
        kind: if root == "Resource" { TypeKind::Resource } else { TypeKind::Complex },
        r#abstract: rows.r#abstract,
        base: rows.base,
        elements: children(rows, rows.name),
        rules: rows.elements.iter().find(|e| e.path == rows.name).map_or(&[], |e| &e.rules),
    }
}

fn backbone_plan<'a>(rows: &'a TypeRows, element: &'a ElementRow) -> Plan<'a> {
    let base = element.types.first().copied();
    let elements = children(rows, element.path);
    // The rules of an element defined in place stand with the element, as everywhere.
    Plan { name: element.path, kind: TypeKind::Backbone, r#abstract: false, base, elements, rules: &[] }
}

fn is_defined_in_place(element: &ElementRow) -> bool {
    matches!(element.types[..], ["BackboneElement" | "Element"])
}

fn children<'a>(rows: &'a TypeRows, parent: &str) -> Vec<&'a ElementRow<'a>> {
    rows.elements.iter().filter(|e| e.path.rsplit_once('.').is_some_and(|(before, _)| before == parent)).collect()
}

fn code_set(row: &ValueSetRow) -> CodeSet {
    CodeSet::new(row.url, row.open, row.codes.iter().map(|(system, codes)| (*system, &codes[..])))
}

struct Assembly<'a> {
    plans: &'a [Plan<'a>],
    by_name: HashMap<Box<str>, TypeId>,
    value_sets: HashMap<Box<str>, Arc<CodeSet>>,
    /// The fields of each type without inherited ones, by number.
    own: Vec<Vec<Field>>,
}

impl Assembly<'_> {
    fn type_def(&self, number: usize) -> Result<TypeDef, CatalogError> {
        let plan = &self.plans[number];
        let mut fields = Vec::new();
        self.collect_fields(number, &mut fields)?;
        if fields.len() > 64 {
            return Err(CatalogError::TooManyElements(plan.name.to_owned()));
        }
        let mut keys = Vec::new();
        for (index, field) in fields.iter_mut().enumerate() {
            field.index = index;
            keys.extend(field.types.iter().zip(0..).map(|(ty, i)| (ty.json_key.clone(), index as u16, i)));
        }
        Ok(TypeDef {
            id: TypeId(number as u16),
            name: plan.name.into(),
            kind: plan.kind,
            r#abstract: plan.r#abstract,
            base: plan.base.map(|base| self.type_id(plan.name, base)).transpose()?,
            required: fields.iter().filter(|field| field.min > 0).fold(0, |set, field| set | 1 << field.index),
            fields,
            rules: plan.rules.iter().map(rule).collect(),
            keys: KeyTable::new(keys.into_iter()),
        })
    }

    fn collect_fields(&self, number: usize, fields: &mut Vec<Field>) -> Result<(), CatalogError> {
        let plan = &self.plans[number];
        if let Some(base) = plan.base {
            self.collect_fields(usize::from(self.type_id(plan.name, base)?.0), fields)?;
        }
        // R4 narrative.html: xhtml carries no extensions.
        if plan.kind == TypeKind::Primitive(Primitive::Xhtml) {
            fields.retain(|field| &*field.name != "extension");
        }
        fields.extend(self.own[number].iter().cloned());
        Ok(())
    }

    fn field(&self, row: &ElementRow) -> Result<Field, CatalogError> {
        let last = row.path.rsplit('.').next().unwrap_or(row.path);
        let name = last.strip_suffix("[x]").unwrap_or(last);
        let choice = name != last;
        let (min, max) =
            row.card.and_then(cardinality).ok_or_else(|| CatalogError::Cardinality(row.path.to_owned()))?;
        let types = self.field_types(row, name, choice)?;
        let value_set = row.binding.and_then(|url| self.value_sets.get(url)).cloned();
        let (codes, binding) = if row.types == ["code"] { (value_set, None) } else { (None, value_set) };
        Ok(Field {
            name: name.into(),
            choice,
            min,
            max,
            types,
            array: max != Some(1),
            summary: row.summary,
            modifier: row.modifier,
            codes,
            binding,
            index: 0,
            xml_attribute: row.attribute,
            rules: row.rules.iter().map(rule).collect(),
        })
    }

    fn field_types(&self, row: &ElementRow, name: &str, choice: bool) -> Result<Vec<FieldType>, CatalogError> {
        if let Some(path) = row.content.or(is_defined_in_place(row).then_some(row.path)) {
            let ty = self.type_id(row.path, path)?;
            return Ok(vec![FieldType { ty, json_key: name.into(), targets: Vec::new() }]);
        }
        row.types.iter().map(|declared| self.field_type(row.path, name, choice, declared)).collect()
    }

    fn field_type(&self, path: &str, name: &str, choice: bool, declared: &str) -> Result<FieldType, CatalogError> {
        let (ty, targets) = match declared.strip_suffix(')').and_then(|d| d.split_once('(')) {
            Some((ty, targets)) => (ty, targets.split('|').map(Box::from).collect()),
            None => (declared, Vec::new()),
        };
        let json_key = if choice { choice_key(name, ty) } else { name.into() };
        Ok(FieldType { ty: self.type_id(path, ty)?, json_key, targets })
    }

    fn type_id(&self, path: &str, name: &str) -> Result<TypeId, CatalogError> {
        let unknown = || CatalogError::UnknownType { path: path.to_owned(), name: name.to_owned() };
        self.by_name.get(name).copied().ok_or_else(unknown)
    }
}

/// R4 json.html: the name, then the type with a capital: `value` and `dateTime` make `valueDateTime`.
fn choice_key(name: &str, ty: &str) -> Box<str> {
    let (first, rest) = ty.split_at(1);
    format!("{name}{}{rest}", first.to_ascii_uppercase()).into()
}

fn cardinality(text: &str) -> Option<(u32, Option<u32>)> {
    let (min, max) = text.split_once("..")?;
    let max = if max == "*" { None } else { Some(max.parse().ok()?) };
    Some((min.parse().ok()?, max))
}

fn rule(row: &RuleRow) -> Rule {
    Rule { key: row.key.into(), error: row.severity == "error", expression: row.expression.as_ref().into() }
}
