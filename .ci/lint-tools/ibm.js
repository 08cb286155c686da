const ruleset = require("@ibm-cloud/openapi-ruleset");

module.exports = {
  extends: ruleset,
  rules: {
    // House style of IBM's APIs, where this one follows RFC 9457 (errors), RFC 6749 (parameters), and its own contract.
    "ibm-error-content-type-is-json": "off",
    "ibm-error-response-schemas": "off",
    "ibm-response-status-codes": "off", // 422 for fields that are wrong, 204 for a PUT that has nothing to say
    "ibm-operationid-casing-convention": "off",
    "ibm-operationid-naming-convention": "off",
    "ibm-schema-naming-convention": "off",
    "ibm-collection-array-property": "off",
    "ibm-pagination-style": "off",
    "ibm-major-version-in-path": "off",
    "ibm-patch-request-content-type": "off",
    "ibm-avoid-repeating-path-parameters": "off",
    "ibm-path-segment-casing-convention": "off", // kebab-case
    // `null` is said of what is absent, so that every answer has the same members.
    "ibm-no-nullable-properties": "off",
    // Bounds are told where the service has them.
    "ibm-string-attributes": "off",
    "ibm-array-attributes": "off",
    // `errors` is there when fields are wrong; what a token is only if it is one (RFC 7662 §2.2).
    "ibm-required-array-properties-in-response": "off",
    "ibm-required-enum-properties-in-response": "off",
    // RFC 7009 §2.2: 200 without a body.
    "ibm-request-and-response-content": "off",
    // `/users/me` goes before `/users/{id}` (OpenAPI 3.0.3 §4.7.8.1); `me` is no UUID.
    "ibm-no-ambiguous-paths": "off",
    // Permissions that no operation needs yet can be given to roles, and asked for as scopes.
    "ibm-securityschemes": "off",
    // Takes no `tokenUrl` that is relative to the server `/` (OpenAPI 3.0.3 §4.3, relative references).
    "ibm-securityscheme-attributes": "off",
    // Knows fewer formats than JSON Schema: `uri-reference` is one.
    "ibm-schema-type-format": "off",
    // The roles of a user are a part of the user, and the tag is that of the whole.
    "ibm-etag-header": "off",
  },
};
