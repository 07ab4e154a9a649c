import { useQuery } from "@tanstack/react-query";
import { sessionQuery } from "@/api/queries";
import { t } from "@/lib/text";
import { setTheme, type Theme, useTheme } from "@/theme/theme";
import { Loaded, Section, Segmented } from "@/ui";
import { Language } from "./language";

const THEMES: ReadonlyArray<{ value: Theme; label: string }> = [
  { value: "system", label: t("System") },
  { value: "light", label: t("Light") },
  { value: "dark", label: t("Dark") },
];

/** Appearance, and what this installation is. */
export function General() {
  const theme = useTheme();
  const session = useQuery(sessionQuery);
  return (
    <>
      <Section title={t("Appearance")}>
        <div className="flex items-center justify-between gap-4">
          <p className="text-sm">{t("Theme")}</p>
          <Segmented label={t("Theme")} value={theme} onChange={setTheme} options={THEMES} />
        </div>
        <Language />
      </Section>
      <Section title={t("About")}>
        <Loaded query={session}>
          {(found) => (
            <dl className="grid grid-cols-[8rem_1fr] gap-y-2 text-sm">
              <dt className="text-muted">{t("Signed in as")}</dt>
              <dd className="min-w-0 break-words">{found.subject}</dd>
              <dt className="text-muted">{t("Role")}</dt>
              <dd>{found.role}</dd>
              <dt className="text-muted">{t("Workspace")}</dt>
              <dd className="min-w-0 break-words">{found.workspaceName}</dd>
              <dt className="text-muted">{t("Public URL")}</dt>
              <dd className="break-all font-mono text-xs leading-5">{found.publicUrl}</dd>
              <dt className="text-muted">{t("Version")}</dt>
              <dd>{found.version}</dd>
            </dl>
          )}
        </Loaded>
      </Section>
    </>
  );
}
