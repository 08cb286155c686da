// Scalar as a page to read: no requests from here (that is what /docs is for), and nothing from elsewhere.
"use strict";

const operations = document.currentScript.dataset.operations.split(" ");
const place = (operation) => operations.indexOf(operation.operationId);

Scalar.createApiReference("#reference", {
  url: "/openapi.json",
  operationsSorter: (one, other) => place(one) - place(other),
  authentication: { preferredSecurityScheme: "BearerAuth" },
  showSidebar: true,
  defaultOpenAllTags: true,
  hideClientButton: true,
  hideTestRequestButton: true,
  withDefaultFonts: false,
});
