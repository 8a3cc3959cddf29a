//! The table as text: a head that explains it, the columns, and the rows in groups.

use std::fmt::Write;

use super::principals::Principal;
use super::row::Row;

const HEAD: &str = "\
Who gets what: the access matrix of this server
===============================================

Every cell is what a running server answered. The setting is consent_default = treatment: where no Consent says anything, a role
decides by its relation to the patient (src/access/roles.txt).

How to read a cell
  200/3   the status, and how many resources are shown: in a Bundle those found and those that come along; in a batch the entries that succeeded
  200/n   at least one; how many changes from run to run
  401     it is not known who asks        403  known, and may not        404  there is nothing, or nothing that this one may know of
  405     no such method there            409  not in this state         412  what was to be found first is not as it should be
  422     it may be asked, and the content was not right: the form was left empty
  login   sent to the sign-in page        go   done, and sent on         -    nobody in that column has a browser

The patients
  cara    is in the care of the house and of its physician               noor  is a patient of another house; Consent: the guest may see all
  otis    is in the same care as Cara; Consent: nobody may see anything  rita  is in the same care; some of her data are labelled R or V

A word in brackets behind a request says what its content is about. {n} is a number that is new in every cell.
";

pub fn written(principals: &[Principal], rows: &[Row], cells: &[Vec<String>]) -> String {
    let mut out = HEAD.to_string();
    out.push_str("\nThe columns\n");
    for one in principals {
        let _ = writeln!(out, "  {:8} {}", one.name, one.words);
    }
    let width = rows.iter().map(|row| title(row).chars().count()).max().unwrap_or_default();
    let mut group = "";
    for (row, cells) in rows.iter().zip(cells) {
        if row.group != group {
            group = row.group;
            let _ = write!(out, "\n{:width$}", group.to_uppercase());
            for one in principals {
                let _ = write!(out, " {:>8}", one.name);
            }
            out.push('\n');
        }
        let _ = write!(out, "{:width$}", title(row));
        for cell in cells {
            let _ = write!(out, " {cell:>8}");
        }
        out.push('\n');
        if !row.note.is_empty() {
            let _ = writeln!(out, "    ^ {}", row.note);
        }
    }
    out
}

fn title(row: &Row) -> String {
    let what = if row.what.is_empty() { String::new() } else { format!(" ({})", row.what) };
    let path = if row.path.is_empty() { "[base]" } else { row.path };
    format!("{} {path}{what}", row.method)
}
