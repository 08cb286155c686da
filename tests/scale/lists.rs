//! The lists of users that there are.

use vestibule::store::users::Filter;

/// All lists of users; `prefix` tells how they are searched.
pub fn filters(prefix: Option<&str>) -> Vec<Filter> {
    let mut filters = Vec::new();
    for role in [None, Some("user"), Some("admin"), Some("nobody")] {
        for is_active in [None, Some(true), Some(false)] {
            filters.push(Filter {
                prefix: prefix.map(str::to_owned),
                role: role.map(str::to_owned),
                is_active,
            });
        }
    }
    filters
}
