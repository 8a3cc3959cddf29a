//! Tables of searches and of resources.
