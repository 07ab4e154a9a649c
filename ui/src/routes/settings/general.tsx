import { useQuery } from "@tanstack/react-query";
import { sessionQuery } from "@/api/queries";
import { setTheme, type Theme, useTheme } from "@/theme/theme";
import { Loaded, Section, Segmented } from "@/ui";

const THEMES: ReadonlyArray<{ value: Theme; label: string }> = [
  { value: "system", label: "System" },
  { value: "light", label: "Light" },
  { value: "dark", label: "Dark" },
];

/** Appearance, and what this installation is. */
export function General() {
  const theme = useTheme();
  const session = useQuery(sessionQuery);
  return (
    <>
      <Section title="Appearance">
        <div className="flex items-center justify-between gap-4">
          <p className="text-sm">Theme</p>
          <Segmented label="Theme" value={theme} onChange={setTheme} options={THEMES} />
        </div>
      </Section>
      <Section title="About">
        <Loaded query={session}>
          {(found) => (
            <dl className="grid grid-cols-[8rem_1fr] gap-y-2 text-sm">
              <dt className="text-muted">Signed in as</dt>
              <dd className="min-w-0 break-words">{found.subject}</dd>
              <dt className="text-muted">Role</dt>
              <dd>{found.role}</dd>
              <dt className="text-muted">Workspace</dt>
              <dd className="min-w-0 break-words">{found.workspaceName}</dd>
              <dt className="text-muted">Public URL</dt>
              <dd className="break-all font-mono text-xs leading-5">{found.publicUrl}</dd>
              <dt className="text-muted">Version</dt>
              <dd>{found.version}</dd>
            </dl>
          )}
        </Loaded>
      </Section>
    </>
  );
}
