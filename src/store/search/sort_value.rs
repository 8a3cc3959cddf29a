//! Sort values that stand in the index as numbers or as hashes, or in the content alone.
//!
//! R4 <https://hl7.org/fhir/R4/search.html#_sort>. Each is a subquery over the resource `a.no`.

use super::sql::{Param, Values};
use crate::fhir::ResourceType;
use crate::search::sort::{Sort, SortBy};

/// Longest decimal that comes back from a client: PostgreSQL writes powers of ten out.
const NUMBER_BYTES_MAX: usize = 1_000;

/// Returns the least or greatest number, by where the stretch it stands for begins, or ends if it begins nowhere.
pub(super) fn number(values: &mut Values, keys: &[i64], pick: &str) -> String {
    let keys = values.bind(Param::I64s(keys.to_vec()));
    let value = "case when v.lo = '-infinity' then v.hi else v.lo end";
    format!("(select {pick}({value}) from quantity_value v where v.no = a.no and v.key = any ({keys}))")
}

/// Returns the first or last of the codes that the resource stands under.
pub(super) fn code(values: &mut Values, codes: &[(i64, String)], pick: &str) -> String {
    let (keys, codes) = codes.iter().cloned().unzip();
    let keys = values.bind(Param::I64s(keys));
    let codes = values.bind(Param::Texts(codes));
    format!(
        "(select {pick}(k.code collate \"C\") from unnest({keys}::bigint[], {codes}::text[]) k (key, code) where exists \
         (select from term t where t.key = k.key and t.no = a.no offset 0))"
    )
}

/// Returns the first or last text at the paths in the resource's content. Of a Coding that is the code and then the
/// system, of an Identifier the value and then the system, of a Reference the reference.
pub(super) fn content(values: &mut Values, paths: &[(ResourceType, String)], pick: &str) -> String {
    let (types, paths) = paths.iter().map(|(t, path)| (t.number(), path.clone())).unzip();
    let types = values.bind(Param::I16s(types));
    let paths = values.bind(Param::Texts(paths));
    let object = "coalesce(v.x->>'code', v.x->>'value', v.x->>'reference', v.x#>>'{identifier,value}') || e'\\x01' || \
                  coalesce(v.x->>'system', '')";
    // The paths are read once a statement, in a subquery of their own; the content once a resource. A NUL, which JSON
    // can say and PostgreSQL cannot hold, becomes what stands for the unreadable.
    format!(
        "(select {pick}((case jsonb_typeof(v.x) when 'object' then {object} when 'null' then null else v.x#>>'{{}}' end) \
         collate \"C\")\n    from (select r.type, replace(r.content::text, '\\u0000', '\\ufffd')::jsonb as content\n      \
         from resource r where r.no = a.no offset 0) r\n    cross join unnest({types}::smallint[], (select \
         {paths}::text[]::jsonpath[])) p (type, path)\n    cross join jsonb_path_query(r.content, p.path, silent => true) v \
         (x)\n    where p.type = r.type)"
    )
}

/// Returns what turns a sort column into what the driver reads.
pub(super) fn cast(sort: &Sort) -> &'static str {
    if matches!(sort.by, SortBy::Number { .. }) { "::text" } else { "" }
}

/// Returns whether the text is a decimal as PostgreSQL writes it.
pub(super) fn is_number(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let (whole, fraction) = text.split_once('.').map_or((text, None), |(whole, fraction)| (whole, Some(fraction)));
    text.len() <= NUMBER_BYTES_MAX && digits(whole.strip_prefix('-').unwrap_or(whole)) && fraction.is_none_or(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_from_a_cursor_is_checked() {
        for (text, is) in [("0", true), ("-5.40", true), ("1e5", false), ("", false), ("-", false), ("1.", false)] {
            assert_eq!(is_number(text), is, "{text}");
        }
        assert!(!is_number("NaN") && !is_number("Infinity") && !is_number(&"1".repeat(1_001)));
    }
}
