"use strict";

// In a file of its own, so that the page's policy can refuse every inline script.
window.addEventListener("DOMContentLoaded", () => {
  SwaggerUIBundle({
    url: "openapi.json",
    dom_id: "#swagger-ui",
    deepLinking: true,
    displayRequestDuration: true,
    // Models in full are what the other page is for.
    defaultModelsExpandDepth: 0,
    // Without it the page would ask the vendor's validator.
    validatorUrl: "none",
  });
});
