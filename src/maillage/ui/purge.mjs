// Writes the rules of Tabler that the templates use, then our own sheet, comments dropped, as one style sheet.
// Usage: node purge.mjs <own sheet> <file that holds the templates' text> <sheet to write>, run by maillage.ui.build with the repository as working folder.
import { readFileSync, writeFileSync } from "node:fs";
import { PurgeCSS } from "purgecss";
import postcss from "postcss";

const [own, content, sheetPath] = process.argv.slice(2);

const [purged] = await new PurgeCSS().purge({
  content: [{ raw: readFileSync(content, "utf8"), extension: "html" }],
  css: ["node_modules/@tabler/core/dist/css/tabler.min.css"],
  // What pages may need before they are written: spacing, and the states of controls.
  safelist: { standard: [/^[mp][tbxyse]?-(0|1|2|3|4|5)$/, /^fs-[1-5]$/, "is-invalid", "w-auto", "visually-hidden"] },
  // Tabler declares hundreds of variables; only those that remain in use are kept.
  variables: true,
  fontFace: true,
  keyframes: true,
});

const sheet = postcss.parse(`${purged.css}\n${readFileSync(own, "utf8")}`);
sheet.walkComments((comment) => comment.remove());
sheet.walkAtRules("charset", (rule) => rule.remove());
sheet.walkDecls((declaration) => {
  declaration.raws.between = ":";
  declaration.raws.before = "";
});
sheet.walk((node) => {
  if (node.type === "rule") node.selector = node.selector.replace(/\s*\n\s*/g, "");
  if (node.type !== "decl") node.raws.before = "";
  if (node.raws.after) node.raws.after = "";
});
writeFileSync(sheetPath, `@charset "utf-8";${sheet.toString()}`);
