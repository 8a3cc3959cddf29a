//! All plain paths of a type as one tree, so that a resource is walked once for all parameters.

use super::kind::Emit;
use serde_json::Value;

/// What is done at one place of a resource.
#[derive(Default)]
pub struct Node {
    /// Columns that read the values here.
    leaves: Vec<Leaf>,
    edges: Vec<Edge>,
    filters: Vec<Filter>,
}

#[derive(Clone, Copy)]
pub struct Leaf {
    pub column: u16,
    pub emit: Emit,
}

struct Edge {
    key: Box<str>,
    node: Node,
}

struct Filter {
    element: Box<str>,
    text: Box<str>,
    node: Node,
}

/// One step of a route through JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hop {
    Key(Box<str>),
    /// Only objects whose member is the text.
    Where(Box<str>, Box<str>),
}

impl Node {
    /// Adds a leaf at the end of a route.
    pub fn insert(&mut self, route: &[Hop], leaf: Leaf) {
        let Some((hop, rest)) = route.split_first() else {
            if !self.leaves.iter().any(|known| known.column == leaf.column) {
                self.leaves.push(leaf);
            }
            return;
        };
        self.child(hop).insert(rest, leaf);
    }

    fn child(&mut self, hop: &Hop) -> &mut Node {
        match hop {
            Hop::Key(key) => {
                let at = self.edges.iter().position(|edge| edge.key == *key).unwrap_or_else(|| {
                    self.edges.push(Edge { key: key.clone(), node: Node::default() });
                    self.edges.len() - 1
                });
                &mut self.edges[at].node
            }
            Hop::Where(element, text) => {
                let known = |f: &Filter| f.element == *element && f.text == *text;
                let at = self.filters.iter().position(known).unwrap_or_else(|| {
                    self.filters.push(Filter { element: element.clone(), text: text.clone(), node: Node::default() });
                    self.filters.len() - 1
                });
                &mut self.filters[at].node
            }
        }
    }

    /// Calls `visit` for every value that a leaf reads. Arrays are walked through.
    pub fn walk<'v>(&self, value: &'v Value, visit: &mut impl FnMut(Leaf, &'v Value)) {
        if let Value::Array(items) = value {
            for item in items {
                self.walk(item, visit);
            }
            return;
        }
        for leaf in &self.leaves {
            visit(*leaf, value);
        }
        let Value::Object(members) = value else { return };
        for filter in &self.filters {
            if members.get(&*filter.element).and_then(Value::as_str) == Some(&*filter.text) {
                filter.node.walk(value, visit);
            }
        }
        if self.edges.is_empty() {
            return;
        }
        // Going over the members once costs less than asking for every edge: most edges have no member.
        for (key, member) in members {
            if let Some(edge) = self.edges.iter().find(|edge| *edge.key == **key) {
                edge.node.walk(member, visit);
            }
        }
    }
}

/// Calls `visit` for every value at the end of one route. Arrays are walked through.
pub fn follow<'v>(value: &'v Value, route: &[Hop], visit: &mut impl FnMut(&'v Value)) {
    if let Value::Array(items) = value {
        return items.iter().for_each(|item| follow(item, route, visit));
    }
    match route.split_first() {
        None => visit(value),
        Some((Hop::Key(key), rest)) => value.get(&**key).into_iter().for_each(|member| follow(member, rest, visit)),
        Some((Hop::Where(element, text), rest)) => {
            if value.get(&**element).and_then(Value::as_str) == Some(&**text) {
                follow(value, rest, visit);
            }
        }
    }
}

impl std::fmt::Debug for Node {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} leaves, {} edges", self.leaves.len(), self.edges.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::column::Column;
    use crate::search::sink::Sink;
    use serde_json::json;

    fn ignore(_: &mut Sink, _: &Column, _: &Value) {}

    #[test]
    fn a_walk_meets_every_value_once_through_arrays_and_filters() {
        let key = |k: &str| Hop::Key(k.into());
        let mut root = Node::default();
        root.insert(&[key("name")], Leaf { column: 0, emit: ignore });
        root.insert(&[key("name"), key("given")], Leaf { column: 1, emit: ignore });
        let phone = Hop::Where("system".into(), "phone".into());
        root.insert(&[key("telecom"), phone, key("value")], Leaf { column: 2, emit: ignore });
        let patient = json!({
            "name": [{"given": ["A", "B"]}, {"given": ["C"]}],
            "telecom": [{"system": "phone", "value": "1"}, {"system": "email", "value": "2"}],
            "other": 1
        });
        let mut seen = Vec::new();
        root.walk(&patient, &mut |leaf, value| seen.push((leaf.column, value.as_str().unwrap_or("-").to_string())));
        let seen: Vec<_> = seen.iter().map(|(c, v)| (*c, v.as_str())).collect();
        assert_eq!(seen, [(0, "-"), (1, "A"), (1, "B"), (0, "-"), (1, "C"), (2, "1")]);
    }
}
