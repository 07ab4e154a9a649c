import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";

const SRC = fileURLToPath(new URL("../src", import.meta.url));

/** Attributes and properties that people read or hear. */
const SHOWN = new Set(
  (
    "alt aria-description aria-label aria-roledescription aria-valuetext ariaLabel description heading hint " +
    "label meaning placeholder title"
  ).split(" "),
);
const TOLD = /^toast(\.\w+)?$|^toastProblem$/;

export type Found = {
  /** Each message of the code, and the files that have it. */
  messages: Map<string, Set<string>>;
  /** Text for people that no message holds, as "file:line text"; and messages that are no literals. */
  outside: string[];
};

/** Everything there is to translate, and what was forgotten. */
export function search(): Found {
  const found: Found = { messages: new Map(), outside: [] };
  for (const path of readdirSync(SRC, { recursive: true, encoding: "utf8" }).sort()) {
    if (!/\.tsx?$/.test(path) || /\.test\.|\.d\.ts$/.test(path)) continue;
    searchIn(readFileSync(join(SRC, path), "utf8"), relative(".", path).replaceAll("\\", "/"), found);
  }
  return found;
}

export function searchIn(text: string, file: string, found: Found): void {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true, ts.ScriptKind.TSX);
  const outside = (node: ts.Node) => {
    const line = source.getLineAndCharacterOfPosition(node.getStart()).line + 1;
    found.outside.push(`${file}:${line} ${node.getText().trim()}`);
  };
  const visit = (node: ts.Node): void => {
    if (ts.isCallExpression(node) && ts.isIdentifier(node.expression)) {
      const [message] = node.arguments;
      if (["t", "rich"].includes(node.expression.text) && message) {
        if (!ts.isStringLiteralLike(message)) outside(node);
        else found.messages.set(message.text, (found.messages.get(message.text) ?? new Set()).add(file));
      }
    }
    if (ts.isJsxText(node) && says(node.text) && !inCode(node)) outside(node);
    if (ts.isJsxExpression(node) && node.expression && !ts.isJsxAttribute(node.parent) && !inCode(node)) {
      for (const each of branches(node.expression)) outside(each);
    }
    if (ts.isJsxAttribute(node) && SHOWN.has(node.name.getText()) && node.initializer) {
      for (const each of branches(node.initializer)) outside(each);
    }
    if (
      (ts.isPropertyAssignment(node) || ts.isBindingElement(node)) &&
      node.initializer &&
      SHOWN.has(node.name.getText())
    ) {
      for (const each of branches(node.initializer)) outside(each);
    }
    if (ts.isCallExpression(node) && TOLD.test(node.expression.getText())) {
      for (const each of node.arguments.flatMap(branches)) outside(each);
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
}

/** The literals that an expression may come to, if they have words. */
function branches(node: ts.Node): ts.Node[] {
  if (ts.isJsxExpression(node) || ts.isParenthesizedExpression(node)) {
    return node.expression ? branches(node.expression) : [];
  }
  if (ts.isConditionalExpression(node)) return [...branches(node.whenTrue), ...branches(node.whenFalse)];
  if (ts.isBinaryExpression(node)) {
    return node.operatorToken.getText() === "&&"
      ? branches(node.right)
      : [node.left, node.right].flatMap(branches);
  }
  if (ts.isStringLiteralLike(node)) return says(node.text) ? [node] : [];
  if (!ts.isTemplateExpression(node)) return [];
  return says(
    [node.head, ...node.templateSpans.map(({ literal }) => literal)].map(({ text }) => text).join(" "),
  )
    ? [node]
    : [];
}

/** The same in every language. */
function inCode({ parent }: ts.Node): boolean {
  return ts.isJsxElement(parent) && ["code", "kbd", "pre"].includes(parent.openingElement.tagName.getText());
}

function says(text: string): boolean {
  return /\p{L}{2}/u.test(text);
}
