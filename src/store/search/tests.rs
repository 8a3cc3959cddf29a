//! Searches and the statements they become.
