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
import type { GoId } from "@/lib/shortcuts";
import { t } from "@/lib/text";

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
  /** Its keys, pressed after one another anywhere outside a field. */
  go: GoId;
};

/** The screens, in the order of the navigation and of the command palette. */
export const PLACES: readonly Place[] = [
  { to: "/", label: t("Home"), icon: Home, go: "goHome" },
  { to: "/orchestrators", label: t("Orchestrators"), icon: Workflow, go: "goOrchestrators" },
  { to: "/workflows", label: t("Workflows"), icon: LibraryBig, go: "goWorkflows" },
  { to: "/runs", label: t("Runs"), icon: ListTree, go: "goRuns" },
  { to: "/connections", label: t("Connections"), icon: Cable, go: "goConnections" },
  { to: "/inbound", label: t("Inbound"), icon: Inbox, go: "goInbound" },
  { to: "/dead-letters", label: t("Dead letters"), icon: MailX, go: "goDeadLetters" },
];

export const LOWER_PLACES: readonly Place[] = [
  { to: "/check", label: t("Set-up check"), icon: Stethoscope, go: "goCheck" },
  { to: "/settings", label: t("Settings"), icon: Settings, go: "goSettings" },
];
