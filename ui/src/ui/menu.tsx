import type { LucideIcon } from "lucide-react";
import { Slot } from "radix-ui";
import { type KeyboardEvent, type MouseEvent, type ReactElement, useState } from "react";
import { later } from "./later";

export type MenuItem =
  | { separator: true }
  | { heading: string }
  | {
      label: string;
      onSelect: () => void;
      icon?: LucideIcon;
      shortcut?: string;
      danger?: boolean;
      disabled?: boolean;
      /** Given: one of several, of which this is (not) the chosen one. */
      checked?: boolean;
    };

export type MenuProps = {
  trigger: ReactElement;
  items: readonly MenuItem[];
  align?: "start" | "end";
  side?: "top" | "right" | "bottom" | "left";
};

const OpenMenu = later(
  () => import("./open-menu").then((found) => found.OpenMenu),
  ({ trigger }) => trigger,
);

/** Further actions at a button. Only the button, until it is opened for the first time. */
export function Menu(props: MenuProps) {
  const [opened, setOpened] = useState<"by mouse" | "by key" | null>(null);
  if (opened) return <OpenMenu {...props} byKey={opened === "by key"} />;
  return (
    <Slot.Root
      aria-haspopup="menu"
      aria-expanded={false}
      onClick={(event: MouseEvent) => setOpened(event.detail === 0 ? "by key" : "by mouse")}
      onKeyDown={(event: KeyboardEvent) => {
        if (event.key !== "ArrowDown") return;
        event.preventDefault();
        setOpened("by key");
      }}
    >
      {props.trigger}
    </Slot.Root>
  );
}
