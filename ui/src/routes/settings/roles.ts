import type { Role } from "@/api/types";
import { t } from "@/lib/text";

export const ROLES: ReadonlyArray<{ value: Role; label: string; hint: string }> = [
  { value: "viewer", label: t("Viewer"), hint: t("Reads") },
  { value: "operator", label: t("Operator"), hint: t("Starts, cancels and retries runs, too") },
  { value: "editor", label: t("Editor"), hint: t("Saves orchestrators and connections, too") },
  { value: "admin", label: t("Admin"), hint: t("Everything, tokens included") },
];
