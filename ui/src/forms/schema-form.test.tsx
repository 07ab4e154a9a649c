import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { cleanup, fireEvent, render, screen } from "@testing-library/react";
import { afterEach, expect, test, vi } from "vitest";
import {
  initial,
  registerWidget,
  type Schema,
  SchemaForm,
  sparse,
  validate,
  type WidgetProps,
} from "@/forms";
import { TooltipProvider } from "@/ui";

afterEach(cleanup);

const schema: Schema = {
  type: "object",
  required: ["name"],
  properties: {
    name: { type: "string", title: "Name", minLength: 1, description: "What it is called." },
    retries: { type: "integer", title: "Retries", default: 3, minimum: 0 },
    follow: { type: "boolean", title: "Follow", default: true },
    wait: {
      anyOf: [{ type: "integer" }, { type: "null" }],
      default: null,
      title: "Wait",
      "x-widget": "duration",
    },
  },
};

function shown(value: Record<string, unknown>, onChange = vi.fn(), of = schema) {
  render(
    <QueryClientProvider client={new QueryClient()}>
      <TooltipProvider>
        <SchemaForm schema={of} value={value} onChange={onChange} errors={{ "/name": "Too short." }} />
      </TooltipProvider>
    </QueryClientProvider>,
  );
  return onChange;
}

test("fields carry their label, hint, error and default", () => {
  shown({ name: "x" });
  const name = screen.getByLabelText(/^Name/);
  expect(name.getAttribute("aria-invalid")).toBe("true");
  const described = (name.getAttribute("aria-describedby") ?? "")
    .split(" ")
    .map((id) => document.getElementById(id)?.textContent);
  expect(described).toEqual(["What it is called.", "Too short."]);
  expect((screen.getByLabelText("Retries") as HTMLInputElement).value).toBe("3");
});

test("a change says which field it was and keeps the rest", () => {
  const changed = shown({ name: "x", other: 1 });
  fireEvent.change(screen.getByLabelText("Retries"), { target: { value: "5" } });
  expect(changed).toHaveBeenLastCalledWith({ name: "x", other: 1, retries: 5 }, "retries");
  fireEvent.click(screen.getByLabelText("Follow"));
  expect(changed).toHaveBeenLastCalledWith({ name: "x", other: 1, follow: false }, "follow");
  fireEvent.change(screen.getByLabelText("Wait"), { target: { value: "90" } });
  expect(changed).toHaveBeenLastCalledWith({ name: "x", other: 1, wait: 90_000 }, "wait");
});

test("a parent's change sets back only the children that no longer fit", () => {
  registerWidget("plain", {
    component: ({ value, onChange, name }: WidgetProps<string>) => (
      <input aria-label={name} value={value ?? ""} onChange={(event) => onChange(event.target.value)} />
    ),
    fits: (value, parent) => String(value).startsWith(String(parent.a)),
  });
  const child = (parent: string): Schema => ({
    type: "string",
    "x-widget": "plain",
    "x-options": { parent },
  });
  const family: Schema = {
    type: "object",
    properties: { a: { type: "string", "x-widget": "plain" }, b: child("a"), c: child("a"), d: child("b") },
  };
  const changed = shown({ a: "1", b: "1x", c: "2x", d: "1y" }, vi.fn(), family);
  fireEvent.change(screen.getByLabelText("a"), { target: { value: "2" } });
  expect(changed).toHaveBeenLastCalledWith({ a: "2", c: "2x" }, "a");
});

test("values are checked in words, defaults are left out", () => {
  expect(validate(schema, { retries: -1 })).toEqual({ "/name": "This is needed.", "/retries": "Too small." });
  expect(validate(schema, { name: "x", wait: null })).toEqual({});
  expect(sparse(schema, { name: "x", retries: 3, follow: false })).toEqual({ name: "x", follow: false });
  expect(initial({ type: "array" })).toEqual([]);
});

test("an error shows once its field was left, all of them after a try, and the first bad field has the focus", () => {
  const form = (attempt: number) => (
    <QueryClientProvider client={new QueryClient()}>
      <TooltipProvider>
        <SchemaForm
          schema={schema}
          value={{}}
          onChange={vi.fn()}
          errors={{ "/name": "This is needed.", "/retries": "Too small." }}
          calm
          attempt={attempt}
        />
      </TooltipProvider>
    </QueryClientProvider>
  );
  const { rerender } = render(form(0));
  expect(screen.queryByText("Too small.")).toBeNull();
  fireEvent.blur(screen.getByLabelText("Retries"));
  expect(screen.getByText("Too small.")).toBeTruthy();
  expect(screen.queryByText("This is needed.")).toBeNull();
  rerender(form(1));
  expect(screen.getByText("This is needed.")).toBeTruthy();
  expect(document.activeElement).toBe(screen.getByLabelText(/^Name/));
});
