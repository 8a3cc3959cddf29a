//! HL7 v2: what messages become.

mod projection;
