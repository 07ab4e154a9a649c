import { cleanup, render, screen } from "@testing-library/react";
import { afterEach, expect, test } from "vitest";
import { initials } from "./avatar";
import { linked } from "./linked";

afterEach(cleanup);

test("web addresses are links, and nothing else is anything", () => {
  render(
    <p data-testid="text">
      {linked(
        "See https://example.org/a?b=1. <b>bold</b> javascript:alert(1) (http://example.net) ftp://x data:text/html,x",
      )}
    </p>,
  );
  const links = screen.getAllByRole("link");
  expect(links.map((link) => link.getAttribute("href"))).toEqual([
    "https://example.org/a?b=1",
    "http://example.net/",
  ]);
  expect(links.every((link) => link.getAttribute("rel")?.includes("noopener"))).toBe(true);
  expect(screen.getByTestId("text").querySelector("b")).toBeNull();
  expect(screen.getByTestId("text").textContent).toContain("<b>bold</b> javascript:alert(1)");
});

test("an address ends where the direction of writing is turned", () => {
  render(<p>{linked("https://example.org/\u202egro.live")}</p>);
  expect(screen.getByRole("link").textContent).toBe("https://example.org/");
});

test("what is no address is left as text", () => {
  render(<p>{linked("http://[x and https://")}</p>);
  expect(screen.queryByRole("link")).toBeNull();
});

test("initials of names, addresses and tokens", () => {
  expect(["ann.smith@example.org", "owner", "token:ci", "Åsa Öst", "x", "@"].map(initials)).toEqual([
    "AS",
    "OW",
    "CI",
    "ÅÖ",
    "X",
    "@",
  ]);
});
