import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { KeyRound, Lock, Plus } from "lucide-react";
import { type FormEvent, useState } from "react";
import { problemOf, toastProblem } from "@/api/problem";
import { sessionQuery, tokensQuery, useCreateToken, useMay, useRevokeToken } from "@/api/queries";
import type { ApiToken, Role } from "@/api/types";
import { toast } from "@/lib/toast";
import { setTheme, type Theme, useTheme } from "@/theme/theme";
import {
  Badge,
  Button,
  ConfirmDialog,
  CopyButton,
  Dialog,
  EmptyState,
  Field,
  Input,
  Loaded,
  Page,
  Section,
  Segmented,
  Select,
  Timestamp,
} from "@/ui";

const THEMES: ReadonlyArray<{ value: Theme; label: string }> = [
  { value: "system", label: "System" },
  { value: "light", label: "Light" },
  { value: "dark", label: "Dark" },
];

const ROLES: ReadonlyArray<{ value: Role; label: string; hint: string }> = [
  { value: "viewer", label: "Viewer", hint: "Reads" },
  { value: "operator", label: "Operator", hint: "Starts, cancels and retries runs, too" },
  { value: "editor", label: "Editor", hint: "Saves orchestrators and connections, too" },
  { value: "admin", label: "Admin", hint: "Everything, tokens included" },
];

/** Appearance, API tokens, and what this installation is. */
export function SettingsPage() {
  const theme = useTheme();
  const session = useQuery(sessionQuery);
  return (
    <Page title="Settings">
      <div className="flex max-w-3xl flex-col gap-4">
        <Section title="Appearance">
          <div className="flex items-center justify-between gap-4">
            <p className="text-sm">Theme</p>
            <Segmented label="Theme" value={theme} onChange={setTheme} options={THEMES} />
          </div>
        </Section>
        <Tokens />
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
      </div>
    </Page>
  );
}

function Tokens() {
  const session = useQuery(sessionQuery);
  const may = useMay("admin");
  const [creating, setCreating] = useState(false);
  return (
    <Section
      title="API tokens"
      description="For programs that call this installation."
      flush
      actions={
        may && (
          <Button size="sm" icon={Plus} onClick={() => setCreating(true)}>
            New token
          </Button>
        )
      }
    >
      <Loaded query={session}>
        {({ role }) =>
          may ? (
            <TokenList />
          ) : (
            <EmptyState icon={Lock} title="Admins manage API tokens">
              Your role is {role}. Ask an admin for a token, or for the role.
            </EmptyState>
          )
        }
      </Loaded>
      {creating && <CreateToken onClose={() => setCreating(false)} />}
    </Section>
  );
}

function TokenList() {
  const query = useInfiniteQuery(tokensQuery);
  const revoke = useRevokeToken();
  const [asked, setAsked] = useState<ApiToken | null>(null);
  const confirm = (token: ApiToken) =>
    revoke.mutate(token.id, {
      onSuccess: () => {
        setAsked(null);
        toast.success(`The token ${token.name} is revoked`);
      },
      onError: (error) => toastProblem(error, "The token was not revoked"),
    });
  return (
    <Loaded query={query}>
      {(data) => {
        const tokens = data.pages.flatMap((page) => page.items);
        if (tokens.length === 0) {
          return (
            <EmptyState icon={KeyRound} title="No tokens">
              A token lets a script or another system start runs without signing in.
            </EmptyState>
          );
        }
        return (
          <>
            <ul className="divide-y">
              {tokens.map((token) => (
                <li key={token.id} className="flex items-center gap-3 px-4 py-2.5 text-sm">
                  <div className="min-w-0 flex-1">
                    <p className="flex items-center gap-2">
                      <span className="truncate font-medium">{token.name}</span>
                      <Badge>{token.role}</Badge>
                    </p>
                    <p className="text-muted text-xs">
                      Made <Timestamp at={token.createdDate} />
                      {" · "}
                      {token.lastUsed ? (
                        <>
                          used <Timestamp at={token.lastUsed} />
                        </>
                      ) : (
                        "never used"
                      )}
                      {" · "}
                      {token.expires ? (
                        <>
                          {Date.parse(token.expires) > Date.now() ? "ends" : "ended"}{" "}
                          <Timestamp at={token.expires} ahead />
                        </>
                      ) : (
                        "does not end"
                      )}
                    </p>
                  </div>
                  <Button
                    size="sm"
                    variant="danger"
                    aria-label={`Revoke ${token.name}`}
                    onClick={() => setAsked(token)}
                  >
                    Revoke
                  </Button>
                </li>
              ))}
            </ul>
            {query.hasNextPage && (
              <div className="border-t p-2 text-center">
                <Button
                  variant="ghost"
                  size="sm"
                  pending={query.isFetchingNextPage}
                  onClick={() => void query.fetchNextPage()}
                >
                  Show more
                </Button>
              </div>
            )}
            {asked && (
              <ConfirmDialog
                open
                onOpenChange={(open) => !open && setAsked(null)}
                title={`Revoke the token ${asked.name}?`}
                action="Revoke token"
                pending={revoke.isPending}
                onConfirm={() => confirm(asked)}
              >
                Whatever uses it is refused from then on. This cannot be undone.
              </ConfirmDialog>
            )}
          </>
        );
      }}
    </Loaded>
  );
}

function CreateToken({ onClose }: { onClose: () => void }) {
  const create = useCreateToken();
  const [name, setName] = useState("");
  const [role, setRole] = useState<Role>("operator");
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (name.trim() && !create.isPending) create.mutate({ name: name.trim(), role });
  };
  const problem = create.error ? problemOf(create.error) : null;
  const made = create.data;
  if (made) {
    return (
      <Dialog
        open
        onOpenChange={onClose}
        sticky
        size="md"
        title={`The token ${made.name}`}
        description="Copy it now. It is not kept, and cannot be shown again."
        footer={
          <Button variant="primary" onClick={onClose}>
            I have copied it
          </Button>
        }
      >
        <div className="flex items-center gap-2 rounded-md border bg-sunken py-1.5 pr-1.5 pl-3">
          <code data-testid="token" className="min-w-0 flex-1 break-all font-mono text-xs">
            {made.token}
          </code>
          <CopyButton text={made.token} label="Copy token" />
        </div>
        <p className="mt-3 text-muted text-sm">
          Send it as <code className="font-mono text-xs">Authorization: Bearer …</code>. What it starts is
          noted as started by <code className="font-mono text-xs">token:{made.name}</code>.
        </p>
      </Dialog>
    );
  }
  return (
    <Dialog
      open
      onOpenChange={onClose}
      size="sm"
      title="New API token"
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button
            variant="primary"
            type="submit"
            form="new-token"
            pending={create.isPending}
            disabled={!name.trim()}
          >
            Create token
          </Button>
        </>
      }
    >
      <form id="new-token" onSubmit={submit} className="flex flex-col gap-4">
        <Field
          label="Name"
          hint="What will use it: ci, billing, nightly-report."
          error={problem && (problem.at("/name") ?? problem.detail ?? problem.title)}
        >
          <Input value={name} maxLength={200} onChange={(event) => setName(event.target.value)} autoFocus />
        </Field>
        <Field label="Role" hint="As little as it needs.">
          <Select value={role} onChange={(next) => setRole(next as Role)} options={ROLES} />
        </Field>
      </form>
    </Dialog>
  );
}
