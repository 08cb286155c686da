//! Which answers feed which operations (OpenAPI 3.0.3 §4.7.20).

use serde_json::{Value, json};

/// Operation and status; name, operation and description of the link; what is passed on.
type Link = (
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    Passed,
);

/// What of the answer goes where.
#[derive(Clone, Copy)]
enum Passed {
    /// A parameter, by a runtime expression.
    Parameter(&'static str, &'static str),
    /// A member of the body.
    Body(&'static str, &'static str),
}

const ID: Passed = Passed::Parameter("id", "$response.body#/id");
const FIRST_ID: Passed = Passed::Parameter("id", "$response.body#/items/0/id");

const LINKS: &[Link] = &[
    (
        "registerUser",
        "201",
        "getRegistered",
        "getUser",
        "An administrator looks at the new account.",
        ID,
    ),
    (
        "createUser",
        "201",
        "getCreated",
        "getUser",
        "Look at the new user.",
        ID,
    ),
    (
        "createUser",
        "201",
        "updateCreated",
        "updateUser",
        "Change the new user.",
        ID,
    ),
    (
        "createUser",
        "201",
        "setRolesOfCreated",
        "setUserRoles",
        "Give the new user roles.",
        ID,
    ),
    (
        "createUser",
        "201",
        "deleteCreated",
        "deleteUser",
        "Delete the new user.",
        ID,
    ),
    (
        "listUsers",
        "200",
        "nextPage",
        "listUsers",
        "The page after this one.",
        Passed::Parameter("cursor", "$response.body#/next_cursor"),
    ),
    (
        "listUsers",
        "200",
        "getFirst",
        "getUser",
        "Look at the first user of the page.",
        FIRST_ID,
    ),
    (
        "issueToken",
        "200",
        "refresh",
        "refreshToken",
        "Replace the refresh token.",
        Passed::Body("refresh_token", "$response.body#/refresh_token"),
    ),
    (
        "refreshToken",
        "200",
        "refreshAgain",
        "refreshToken",
        "Replace the new refresh token.",
        Passed::Body("refresh_token", "$response.body#/refresh_token"),
    ),
];

pub fn add(document: &mut Value) {
    for operation in super::operations::all(document) {
        let id = operation["operationId"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        for (_, status, name, target, description, passed) in
            LINKS.iter().filter(|link| link.0 == id)
        {
            let mut link = json!({ "operationId": target, "description": description });
            match passed {
                Passed::Parameter(parameter, expression) => {
                    link["parameters"] = json!({ *parameter: expression })
                }
                Passed::Body(member, expression) => {
                    link["requestBody"] = json!({ *member: expression })
                }
            }
            operation["responses"][*status]["links"][*name] = link;
        }
    }
}
