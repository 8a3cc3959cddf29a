//! The access matrix: who gets what for which request, as one table that a security officer can read: `matrix.txt`.
//!
//! It is made anew by asking a running server, and compared. `UPDATE_EXPECT=1` writes it; the change is then for a reader to judge.
//! [`complete`] fails where the server has an address, an operation or an interaction that the table does not show.

mod complete;
mod operations;
mod pages;
mod principals;
mod reads;
mod row;
mod table;
mod world;
mod writes;

use expect_test::expect_file;

use self::row::Row;

/// Returns every row, in the order of the table: what only looks comes first, so that it finds the world as it was made.
fn rows() -> Vec<Row> {
    let mut rows = reads::rows();
    rows.extend(pages::looks());
    rows.extend(writes::rows());
    rows.extend(operations::rows());
    rows.extend(pages::forms());
    rows
}

#[test]
fn the_matrix_is_the_one_that_was_judged() {
    let world = world::World::make();
    let rows = rows();
    let cells: Vec<Vec<String>> = rows.iter().map(|row| world.row(row)).collect();
    expect_file!["matrix.txt"].assert_eq(&table::written(&world.principals, &rows, &cells));
}
