//! People: signing in, second factors, sessions, resets.
