//! Consents against resources.
