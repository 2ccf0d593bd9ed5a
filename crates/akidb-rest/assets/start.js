// Swagger UI takes lines of JSON for one JSON text, and would show the example in quotes.
const linesAreNoJson = () => ({
  afterLoad(system) {
    const { getSampleSchema } = system.fn;
    system.fn.getSampleSchema = (schema, type, options, example) =>
      type === "application/x-ndjson" && typeof example === "string"
        ? example
        : getSampleSchema(schema, type, options, example);
  },
});

// Draws the description of this node. No validator of the web is asked. The key that a person gives is kept
// until the page is closed, and no longer.
SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#page",
  deepLinking: true,
  displayRequestDuration: true,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  filter: true,
  plugins: [linesAreNoJson],
  tryItOutEnabled: true,
  validatorUrl: null,
});
