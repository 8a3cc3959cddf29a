//! The operators of a filter and the kinds of parameters that each fits.
//!
//! R4 <https://hl7.org/fhir/R4/search_filter.html#ops>. The table says nothing of uri parameters: they are compared as
//! wholes and by what they are above or below, like their ordinary modifiers do.

use crate::catalog::ParamKind;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    Eq,
    Ne,
    Co,
    Sw,
    Ew,
    Gt,
    Lt,
    Ge,
    Le,
    Ap,
    Sa,
    Eb,
    Pr,
    Po,
    Ss,
    Sb,
    In,
    Ni,
    Re,
}

/// All of them, as they are written. The grammar is ABNF, where case does not count.
pub const OPERATORS: [(&str, Operator); 19] = [
    ("eq", Operator::Eq),
    ("ne", Operator::Ne),
    ("co", Operator::Co),
    ("sw", Operator::Sw),
    ("ew", Operator::Ew),
    ("gt", Operator::Gt),
    ("lt", Operator::Lt),
    ("ge", Operator::Ge),
    ("le", Operator::Le),
    ("ap", Operator::Ap),
    ("sa", Operator::Sa),
    ("eb", Operator::Eb),
    ("pr", Operator::Pr),
    ("po", Operator::Po),
    ("ss", Operator::Ss),
    ("sb", Operator::Sb),
    ("in", Operator::In),
    ("ni", Operator::Ni),
    ("re", Operator::Re),
];

impl Operator {
    pub fn name(self) -> &'static str {
        OPERATORS.iter().find(|(_, operator)| *operator == self).map_or("", |(name, _)| name)
    }

    /// Returns whether values of a kind can be compared so.
    pub fn fits(self, kind: ParamKind) -> bool {
        use ParamKind::{Composite, Date, Number, Quantity, Reference, Special, String, Token, Uri};
        match self {
            Operator::Eq => kind != Reference,
            Operator::Ne => matches!(kind, String | Number | Date | Token | Quantity | Uri),
            Operator::Co => matches!(kind, String | Date),
            Operator::Sw | Operator::Ew => kind == String,
            Operator::Gt | Operator::Lt | Operator::Ge | Operator::Le => {
                matches!(kind, String | Number | Date | Quantity)
            }
            Operator::Ap | Operator::Sa | Operator::Eb => matches!(kind, Number | Date | Quantity),
            Operator::Pr => !matches!(kind, Composite | Special),
            Operator::Po => kind == Date,
            Operator::Ss | Operator::Sb => matches!(kind, Token | Uri),
            Operator::In | Operator::Ni => kind == Token,
            Operator::Re => kind == Reference,
        }
    }

    /// Returns the modifier of an ordinary parameter that asks the same.
    pub fn modifier(self) -> &'static str {
        match self {
            // A concept that the value subsumes lies below it, and the other way round.
            Operator::Ss => ":below",
            Operator::Sb => ":above",
            Operator::In => ":in",
            Operator::Ni => ":not-in",
            _ => "",
        }
    }
}
