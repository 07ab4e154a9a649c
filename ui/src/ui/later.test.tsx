import { cleanup, fireEvent, render, screen } from "@testing-library/react";
import { afterEach, expect, test } from "vitest";
import { Dialog } from "./dialog";
import { later } from "./later";
import { Menu } from "./menu";
import { Popover } from "./popover";
import { TooltipProvider } from "./tooltip";

afterEach(cleanup);

const Name = ({ name }: { name: string }) => <p>Hello {name}</p>;

test("a part that is not there yet is shown once it is, with the properties of then", async () => {
  let arrive = (_: typeof Name) => {};
  const Part = later(() => new Promise<typeof Name>((done) => (arrive = done)));
  const { rerender } = render(<Part name="Ada" />);
  expect(screen.queryByText(/Hello/)).toBeNull();
  rerender(<Part name="Grace" />);
  arrive(Name);
  expect(await screen.findByText("Hello Grace")).toBeTruthy();
});

test("what did not come says so, and comes when it is asked for again", async () => {
  let calls = 0;
  const Part = later(async () => {
    calls += 1;
    if (calls === 1) throw new Error("cut off");
    return Name;
  });
  render(<Part name="Ada" />);
  expect((await screen.findByRole("alert")).textContent).toContain("cut off");
  fireEvent.click(screen.getByRole("button", { name: "Try again" }));
  expect(await screen.findByText("Hello Ada")).toBeTruthy();
  expect(screen.queryByRole("alert")).toBeNull();
});

test("a menu opens with the press that fetches it, and its action is done", async () => {
  let done = 0;
  render(
    <Menu trigger={<button type="button">More</button>} items={[{ label: "Go", onSelect: () => done++ }]} />,
  );
  fireEvent.click(screen.getByRole("button", { name: "More" }));
  fireEvent.click(await screen.findByRole("menuitem", { name: "Go" }));
  expect(done).toBe(1);
});

test("a popover and a dialog open with the press that fetches them", async () => {
  render(
    <TooltipProvider>
      <Popover label="About" trigger={<button type="button">About</button>}>
        <p>What it is</p>
      </Popover>
      <Dialog open onOpenChange={() => {}} title="Sure?">
        <p>Really</p>
      </Dialog>
    </TooltipProvider>,
  );
  expect(await screen.findByText("Really")).toBeTruthy();
  fireEvent.click(screen.getByText("About"));
  expect(await screen.findByText("What it is")).toBeTruthy();
});
