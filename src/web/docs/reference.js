// Scalar as a page to read: no requests from here (that is what /docs is for), and nothing from elsewhere.
"use strict";

// The service, wherever a proxy has put it: this script is in its folder "reference".
const service = new URL("..", document.currentScript.src).href;
const operations = document.currentScript.dataset.operations.split(" ");
const place = (operation) => operations.indexOf(operation.operationId);

Scalar.createApiReference("#reference", {
  url: `${service}openapi.json`,
  servers: [{ url: service.slice(0, -1) }],
  operationsSorter: (one, other) => place(one) - place(other),
  authentication: { preferredSecurityScheme: "BearerAuth" },
  showSidebar: true,
  defaultOpenAllTags: true,
  // Every operation shows its own; the list would be one of errors, most of all.
  hideModels: true,
  hideClientButton: true,
  hideTestRequestButton: true,
  withDefaultFonts: false,
});
