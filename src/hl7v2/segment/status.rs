//! ORC-1, ORC-5 → the status of a prescription.
//!
//! HL7 v2.8 tables 0119 and 0038, v2-to-FHIR concept maps OrderControlCode\[ServiceRequest.status\] and OrderStatus. A prescription
//! has no `revoked`: what never began is `cancelled`, what was given up is `stopped`.

use crate::hl7v2::message::Segment;

/// Returns what ORC says of the status of its prescription. ORC-5 wins; nothing where neither says anything of it.
pub fn prescription(orc: Segment) -> Option<&'static str> {
    let status = orc.field(5).text().and_then(|code| {
        Some(match &*code {
            "CA" => "cancelled",
            "DC" | "RP" => "stopped",
            "CM" => "completed",
            "ER" => "entered-in-error",
            "HD" => "on-hold",
            "IP" | "SC" | "A" => "active",
            _ => return None,
        })
    });
    status.or_else(|| orc.field(1).text().and_then(|code| control(&code)))
}

/// Returns what an order control code says. Refills say nothing of the prescription that they are of.
fn control(code: &str) -> Option<&'static str> {
    Some(match code {
        "NW" | "AF" | "OK" | "PR" | "PY" | "RL" | "RO" | "XO" | "XX" | "OE" | "OR" => "active",
        "CA" | "CR" | "OC" | "UA" | "DF" => "cancelled",
        // What is replaced goes on under the number of what replaces it.
        "DC" | "DR" | "OD" | "RP" | "RQ" | "RU" => "stopped",
        "HD" | "HR" | "OH" => "on-hold",
        _ => return None,
    })
}

/// Returns whether an order is replaced by the one that follows it in the message.
pub fn is_replaced(orc: Segment) -> bool {
    ["RP", "RQ", "RU"].iter().any(|code| orc.field(1).is(code))
}

pub fn replaces(orc: Segment) -> bool {
    orc.field(1).is("RO")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hl7v2::message::Message;

    #[test]
    fn the_order_status_wins_over_what_is_asked_for() {
        let check = |orc: &str, expected: Option<&str>| {
            let message = Message::parse(format!("MSH|^~\\&|\rORC|{orc}")).unwrap();
            assert_eq!(prescription(message.segment("ORC")), expected, "{orc}");
        };
        check("NW", Some("active"));
        check("CA", Some("cancelled"));
        check("DC", Some("stopped"));
        check("HD", Some("on-hold"));
        check("RL", Some("active"));
        check("RP", Some("stopped"));
        check("SC||||CM", Some("completed"));
        check("NW||||DC", Some("stopped"));
        check("NW||||??", Some("active"));
        check("RE", None);
        check("RF", None);
        check("FU", None);
        check("", None);
    }
}
