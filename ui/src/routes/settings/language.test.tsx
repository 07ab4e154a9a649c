import { cleanup, render, screen } from "@testing-library/react";
import { afterEach, expect, test } from "vitest";
import { Language } from "./language";

afterEach(cleanup);

test("a choice of languages stands there only if there is one", () => {
  const { container, rerender } = render(<Language languages={["en"]} />);
  expect(container.textContent).toBe("");
  rerender(<Language languages={["en", "de"]} />);
  expect(screen.getByLabelText("Language").textContent).toContain("English");
});
