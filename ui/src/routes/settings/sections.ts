import type { ComponentType } from "react";
import { t } from "@/lib/text";
import { Audit } from "./audit";
import { General } from "./general";
import { Keyboard } from "./keyboard";
import { People } from "./people";
import { Profile } from "./profile";
import { Redaction } from "./redaction";
import { Sessions } from "./sessions";
import { Signing } from "./signing";
import { SingleSignOn } from "./single-sign-on";
import { Tokens } from "./tokens";
import { Workspaces } from "./workspaces";

export type SettingsSection = { id: string; label: string; part: ComponentType };

/** What the settings consist of, in order. `id` stands in the address; the first is shown without one. */
export const SECTIONS: readonly [SettingsSection, ...SettingsSection[]] = [
  { id: "general", label: t("General"), part: General },
  { id: "keyboard", label: t("Keyboard"), part: Keyboard },
  { id: "profile", label: t("Profile"), part: Profile },
  { id: "sessions", label: t("Sessions"), part: Sessions },
  { id: "tokens", label: t("API tokens"), part: Tokens },
  { id: "signing", label: t("Signing secrets"), part: Signing },
  { id: "single-sign-on", label: t("Single sign-on"), part: SingleSignOn },
  { id: "people", label: t("People"), part: People },
  { id: "workspaces", label: t("Workspaces"), part: Workspaces },
  { id: "redaction", label: t("Redaction"), part: Redaction },
  { id: "audit", label: t("Audit log"), part: Audit },
];
