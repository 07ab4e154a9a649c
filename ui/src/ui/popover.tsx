import { Slot } from "radix-ui";
import { type ReactElement, type ReactNode, useRef, useState } from "react";
import { later } from "./later";

export type PopoverProps = {
  trigger: ReactElement;
  label: string;
  children: ReactNode;
  align?: "start" | "center" | "end";
  open?: boolean;
  onOpenChange?: (open: boolean) => void;
};

const OpenPopover = later(
  () => import("./open-popover").then((found) => found.OpenPopover),
  ({ trigger }) => trigger,
);

/** A small panel at a button: filters, a legend. Only the button, until it is opened for the first time. */
export function Popover(props: PopoverProps) {
  const [clicked, setClicked] = useState(false);
  const opened = useRef(false);
  opened.current ||= props.open ?? clicked;
  if (opened.current) return <OpenPopover {...props} />;
  return (
    <Slot.Root
      aria-haspopup="dialog"
      aria-expanded={false}
      onClick={() => {
        setClicked(true);
        props.onOpenChange?.(true);
      }}
    >
      {props.trigger}
    </Slot.Root>
  );
}
