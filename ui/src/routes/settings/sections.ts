import type { ComponentType } from "react";
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
  { id: "general", label: "General", part: General },
  { id: "keyboard", label: "Keyboard", part: Keyboard },
  { id: "profile", label: "Profile", part: Profile },
  { id: "sessions", label: "Sessions", part: Sessions },
  { id: "tokens", label: "API tokens", part: Tokens },
  { id: "signing", label: "Signing secrets", part: Signing },
  { id: "single-sign-on", label: "Single sign-on", part: SingleSignOn },
  { id: "people", label: "People", part: People },
  { id: "workspaces", label: "Workspaces", part: Workspaces },
  { id: "redaction", label: "Redaction", part: Redaction },
  { id: "audit", label: "Audit log", part: Audit },
];
