// Swagger UI for a newcomer: operations in the order of need, refusals folded away, and a log-in by username and password
// alone.
"use strict";

const operations = document.currentScript.dataset.operations.split(" ");
const place = (operation) => operations.indexOf(operation.getIn(["operation", "operationId"]));

// Every operation may be refused for a dozen reasons; in full they would bury what it answers when it works.
const foldRefusals = ({ React, getComponent }) => {
  const element = React.createElement;
  const Refusal = ({ Response, ...props }) => {
    const [isOpen, setOpen] = React.useState(false);
    const Markdown = getComponent("Markdown", true);
    const table = () =>
      element("table", { className: "responses-table" }, element("tbody", null, element(Response, props)));
    return element("tr", { className: `response refusal ${props.className ?? ""}`, "data-code": props.code },
      element("td", { className: "response-col_status" }, props.code),
      element("td", { className: "response-col_description", colSpan: 2 },
        element("details", { onToggle: (event) => setOpen(event.target.open) },
          element("summary", null, element(Markdown, { source: props.response.get("description") })),
          isOpen && table())));
  };
  return {
    wrapComponents: {
      response: (Response) => (props) =>
        props.code >= "400" ? element(Refusal, { ...props, Response }) : element(Response, props),
    },
  };
};

// The log-in is no form of its own.
document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && event.target.matches("#oauth_username, #oauth_password")) {
    event.target.closest(".auth-container").querySelector(".authorize").click();
  }
});

SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#ui",
  plugins: [foldRefusals],
  operationsSorter: (one, other) => place(one) - place(other),
  deepLinking: true,
  displayRequestDuration: true,
  tryItOutEnabled: true,
  defaultModelsExpandDepth: 0,
  validatorUrl: null,
});
