//! Consents as people meet them: who asks, who answers, who may see what, and who watches over it.

mod pages;
mod pages_glass;
