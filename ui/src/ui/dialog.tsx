import { type ComponentType, type ReactNode, useRef } from "react";
import { later } from "./later";

export type DialogProps = {
  open: boolean;
  onOpenChange: (open: boolean) => void;
  title: ReactNode;
  description?: ReactNode;
  /** Buttons, the main one last. */
  footer?: ReactNode;
  size?: "sm" | "md" | "lg" | "xl";
  /** Only its own buttons close it: what it shows is not shown again. */
  sticky?: boolean;
  children?: ReactNode;
};

export type DrawerProps = Omit<DialogProps, "size" | "sticky"> & { side?: "left" | "right"; width?: number };

export type ConfirmProps = {
  open: boolean;
  onOpenChange: (open: boolean) => void;
  title: ReactNode;
  children?: ReactNode;
  /** Names what happens: "Delete 3 connections". */
  action: string;
  onConfirm: () => void;
  pending?: boolean;
  danger?: boolean;
};

/** Something to be done before going on. The focus stays inside and returns where it was; Escape closes. */
export const Dialog = whenOpen(later(() => import("./open-dialog").then((found) => found.Dialog)));

/** A dialog that slides in from the side: details of a row, the navigation on a narrow screen. */
export const Drawer = whenOpen(later(() => import("./open-dialog").then((found) => found.Drawer)));

/** A last question before something that cannot be undone. Names the object and the count. */
export const ConfirmDialog = whenOpen(
  later(() => import("./open-dialog").then((found) => found.ConfirmDialog)),
);

function whenOpen<P extends { open: boolean }>(Part: ComponentType<P>): ComponentType<P> {
  return function WhenOpen(props: P) {
    const opened = useRef(false);
    opened.current ||= props.open;
    return opened.current ? <Part {...props} /> : null;
  };
}
