// Swagger UI for a newcomer: operations in the order of need, refusals folded away, and a log-in by username and password
// alone.
"use strict";

// The service, wherever a proxy has put it: this script is in its folder "docs".
const service = new URL("..", document.currentScript.src).href;
const operations = document.currentScript.dataset.operations.split(" ");
const place = (operation) => operations.indexOf(operation.getIn(["operation", "operationId"]));

// Every operation may be refused for a dozen reasons, and has half a dozen headers; in full they would bury what it answers
// when it works.
const foldAway = ({ React, getComponent }) => {
  const element = React.createElement;
  const Folded = ({ className, summary, children }) => {
    const [isOpen, setOpen] = React.useState(false);
    const toggle = (event) => setOpen(event.currentTarget.open);
    return element("details", { className, onToggle: toggle }, element("summary", null, summary), isOpen && children());
  };
  const Refusal = ({ Response, ...props }) => {
    const Markdown = getComponent("Markdown", true);
    const summary = element(Markdown, { source: props.response.get("description") });
    const table = () =>
      element("table", { className: "responses-table" }, element("tbody", null, element(Response, props)));
    return element("tr", { className: `response refusal ${props.className ?? ""}`, "data-code": props.code },
      element("td", { className: "response-col_status" }, props.code),
      element("td", { className: "response-col_description", colSpan: 2 }, element(Folded, { summary }, table)));
  };
  return {
    wrapComponents: {
      response: (Response) => (props) =>
        props.code >= "400" ? element(Refusal, { ...props, Response }) : element(Response, props),
      headers: (Headers) => (props) =>
        element(Folded, { className: "headers", summary: "Headers" }, () => element(Headers, props)),
    },
  };
};

// Examples are there to be read: If-Match as in the example fails, and a cursor or an id means nothing. What is filled in has
// to work as it stands: the defaults of parameters, and of a form the fields of its example.
const withoutExamples = (described) => described.delete("example").delete("examples");

const parameter = (parameter) =>
  parameter && withoutExamples(parameter).update("schema", (schema) => schema && withoutExamples(schema));

const form = (media) => {
  const filled = media.getIn(["schema", "example"]);
  const isFilled = (_, name) => filled?.has(name) ?? false;
  // A field without an example would be sent as "string".
  const field = (schema, name) => withoutExamples(schema).set("example", filled?.get(name) ?? "");
  return media.update("schema", (schema) =>
    withoutExamples(schema).update("properties", (properties) =>
      properties.filter(isFilled).concat(properties.filterNot(isFilled)).map(field)));
};

const fillInWhatWorks = ({ React }) => ({
  statePlugins: {
    spec: {
      wrapSelectors: {
        parameterWithMetaByIdentity: (found) => (...which) => parameter(found(...which)),
      },
    },
  },
  wrapComponents: {
    RequestBody: (RequestBody) => (props) => {
      const at = ["content", "application/x-www-form-urlencoded"];
      const { requestBody } = props;
      const filled = requestBody?.hasIn(at) ? requestBody.updateIn(at, form) : requestBody;
      return React.createElement(RequestBody, { ...props, requestBody: filled });
    },
  },
});

// Whatever servers the document names, requests go to the one that serves this page; the policy allows no other.
const here = (scheme) => {
  for (const flow of Object.values(scheme.flows ?? {})) {
    for (const name of ["tokenUrl", "refreshUrl"].filter((name) => flow[name])) {
      flow[name] = `${service}auth/token`;
    }
  }
};

const onlyHere = {
  statePlugins: {
    spec: {
      wrapActions: {
        updateJsonSpec: (update) => (document) => {
          Object.values(document.components?.securitySchemes ?? {}).forEach(here);
          return update({ ...document, servers: [{ url: service.slice(0, -1) }] });
        },
      },
    },
  },
};

// The log-in is no form of its own.
document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && event.target.matches("#oauth_username, #oauth_password")) {
    event.target.closest(".auth-container").querySelector(".authorize").click();
  }
});

SwaggerUIBundle({
  url: `${service}openapi.json`,
  dom_id: "#ui",
  plugins: [foldAway, fillInWhatWorks, onlyHere],
  operationsSorter: (one, other) => place(one) - place(other),
  deepLinking: true,
  displayRequestDuration: true,
  tryItOutEnabled: true,
  defaultModelsExpandDepth: 0,
  validatorUrl: null,
});
