import {
  Cable,
  Home,
  Inbox,
  LibraryBig,
  ListTree,
  type LucideIcon,
  MailX,
  Settings,
  Stethoscope,
  Workflow,
} from "lucide-react";

export type Place = {
  to:
    | "/"
    | "/orchestrators"
    | "/workflows"
    | "/runs"
    | "/connections"
    | "/inbound"
    | "/dead-letters"
    | "/check"
    | "/settings";
  label: string;
  icon: LucideIcon;
  /** Pressed after one another, anywhere outside a field. */
  keys: string;
};

/** The screens, in the order of the navigation and of the command palette. */
export const PLACES: readonly Place[] = [
  { to: "/", label: "Home", icon: Home, keys: "g h" },
  { to: "/orchestrators", label: "Orchestrators", icon: Workflow, keys: "g o" },
  { to: "/workflows", label: "Workflows", icon: LibraryBig, keys: "g w" },
  { to: "/runs", label: "Runs", icon: ListTree, keys: "g r" },
  { to: "/connections", label: "Connections", icon: Cable, keys: "g c" },
  { to: "/inbound", label: "Inbound", icon: Inbox, keys: "g i" },
  { to: "/dead-letters", label: "Dead letters", icon: MailX, keys: "g d" },
];

export const LOWER_PLACES: readonly Place[] = [
  { to: "/check", label: "Set-up check", icon: Stethoscope, keys: "g k" },
  { to: "/settings", label: "Settings", icon: Settings, keys: "g s" },
];
