//! The statements of a copy, written from a table's description in the SQL that the engines share.

use crate::store::tables::Table;

/// Rows in one INSERT: the largest first. Few sizes, so that each text is prepared once; with 12 columns the largest has 3072
/// placeholders, of 32,766 that SQLite takes and 65,535 that PostgreSQL takes.
pub const INSERT_SIZES: [usize; 3] = [256, 16, 1];

/// Rows of `table` in the order of its key: from the start, or behind a key that is given first. The last placeholder is
/// their number.
pub fn select_page(table: &Table, is_behind: bool) -> String {
    let key = key_of(table);
    let columns = names(table, table.columns.len());
    let name = table.name;
    let (behind, limit) = match is_behind {
        true => (
            format!(" WHERE ({key}) > ({})", placeholders(0, table.key)),
            table.key + 1,
        ),
        false => (String::new(), 1),
    };
    format!("SELECT {columns} FROM {name}{behind} ORDER BY {key} LIMIT ?{limit}")
}

/// The greatest key of `table`.
pub fn select_last_key(table: &Table) -> String {
    let key = key_of(table);
    let descending: Vec<String> = columns(table, table.key)
        .map(|column| format!("{column} DESC"))
        .collect();
    format!(
        "SELECT {key} FROM {} ORDER BY {} LIMIT 1",
        table.name,
        descending.join(", ")
    )
}

pub fn count(table: &Table) -> String {
    format!("SELECT count(*) FROM {}", table.name)
}

/// Any row that no migration has made.
pub fn select_any(table: &Table) -> String {
    let condition = table.made_by_people.unwrap_or("TRUE");
    format!("SELECT 1 FROM {} WHERE {condition} LIMIT 1", table.name)
}

/// Inserts `rows` whole rows.
pub fn insert(table: &Table, rows: usize) -> String {
    let width = table.columns.len();
    let rows: Vec<String> = (0..rows)
        .map(|row| format!("({})", placeholders(row * width, width)))
        .collect();
    format!(
        "INSERT INTO {} ({}) VALUES {}",
        table.name,
        names(table, width),
        rows.join(", ")
    )
}

/// Deletes some rows; the placeholder is their number at most.
pub fn delete_some(table: &Table) -> String {
    let (name, key) = (table.name, key_of(table));
    format!(
        "DELETE FROM {name} WHERE ({key}) IN (SELECT {key} FROM {name} ORDER BY {key} LIMIT ?1)"
    )
}

fn key_of(table: &Table) -> String {
    names(table, table.key)
}

fn columns(table: &Table, number: usize) -> impl Iterator<Item = &'static str> {
    table.columns[..number].iter().map(|(name, _)| *name)
}

/// The first columns, separated by commas.
fn names(table: &Table, number: usize) -> String {
    columns(table, number).collect::<Vec<_>>().join(", ")
}

/// `number` placeholders behind the first `from` ones.
fn placeholders(from: usize, number: usize) -> String {
    let placeholders: Vec<String> = (from + 1..=from + number)
        .map(|index| format!("?{index}"))
        .collect();
    placeholders.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tables::Kind;

    const TABLE: Table = Table {
        name: "user_roles",
        columns: &[
            ("user_id", Kind::Uuid),
            ("role_name", Kind::Text),
            ("at", Kind::Integer),
        ],
        key: 2,
        made_by_people: None,
    };

    #[test]
    fn they_read_like_written_by_hand() {
        assert_eq!(
            select_page(&TABLE, false),
            "SELECT user_id, role_name, at FROM user_roles ORDER BY user_id, role_name LIMIT ?1"
        );
        assert_eq!(
            select_page(&TABLE, true),
            "SELECT user_id, role_name, at FROM user_roles WHERE (user_id, role_name) > (?1, ?2) \
             ORDER BY user_id, role_name LIMIT ?3"
        );
        assert_eq!(
            select_last_key(&TABLE),
            "SELECT user_id, role_name FROM user_roles ORDER BY user_id DESC, role_name DESC LIMIT 1"
        );
        assert_eq!(
            insert(&TABLE, 2),
            "INSERT INTO user_roles (user_id, role_name, at) VALUES (?1, ?2, ?3), (?4, ?5, ?6)"
        );
    }
}
