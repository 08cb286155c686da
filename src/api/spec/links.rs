//! Which answers feed which operations (OpenAPI 3.0.3 §4.7.20). By parameters alone: a link that makes a body of what was
//! answered is more than parsers of specifications know of.

use serde_json::{Value, json};

/// A link from an answer to an operation.
struct Link {
    /// Operation and status of the answer.
    from: (&'static str, &'static str),
    name: &'static str,
    to: &'static str,
    description: &'static str,
    /// The parameter and where in the answer its value is (a runtime expression).
    passes: (&'static str, &'static str),
}

const fn link(
    from: (&'static str, &'static str),
    name: &'static str,
    to: &'static str,
    description: &'static str,
    passes: (&'static str, &'static str),
) -> Link {
    Link {
        from,
        name,
        to,
        description,
        passes,
    }
}

const REGISTERED: (&str, &str) = ("registerUser", "201");
const CREATED: (&str, &str) = ("createUser", "201");
const LISTED: (&str, &str) = ("listUsers", "200");

const ID: (&str, &str) = ("id", "$response.body#/id");
const USER_ID: (&str, &str) = ("id", "$response.body#/user/id");
const FIRST_ID: (&str, &str) = ("id", "$response.body#/items/0/id");
const CURSOR: (&str, &str) = ("cursor", "$response.body#/next_cursor");

const LINKS: &[Link] = &[
    link(
        REGISTERED,
        "getRegistered",
        "getUser",
        "An administrator looks at the new account.",
        USER_ID,
    ),
    link(
        CREATED,
        "getCreated",
        "getUser",
        "Look at the new user.",
        ID,
    ),
    link(
        CREATED,
        "updateCreated",
        "updateUser",
        "Change the new user.",
        ID,
    ),
    link(
        CREATED,
        "setRolesOfCreated",
        "setUserRoles",
        "Give the new user roles.",
        ID,
    ),
    link(
        CREATED,
        "deleteCreated",
        "deleteUser",
        "Delete the new user.",
        ID,
    ),
    link(
        LISTED,
        "nextPage",
        "listUsers",
        "The page after this one.",
        CURSOR,
    ),
    link(
        LISTED,
        "getFirst",
        "getUser",
        "Look at the first user of the page.",
        FIRST_ID,
    ),
];

pub fn add(document: &mut Value) {
    for operation in super::operations::all(document) {
        let id = operation["operationId"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        for link in LINKS.iter().filter(|link| link.from.0 == id) {
            let (parameter, expression) = link.passes;
            operation["responses"][link.from.1]["links"][link.name] = json!({
                "operationId": link.to,
                "description": link.description,
                "parameters": { parameter: expression },
            });
        }
    }
}
