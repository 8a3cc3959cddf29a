//! What filters are, what they find and how they are refused.

mod meaning;
mod refusals;
mod syntax;
