import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { KeyRound, Lock, Plus } from "lucide-react";
import { type FormEvent, useState } from "react";
import { problemOf, toastProblem } from "@/api/problem";
import {
  ownTokensQuery,
  sessionQuery,
  tokensQuery,
  useCreateOwnToken,
  useCreateToken,
  useMay,
  useRevokeOwnToken,
  useRevokeToken,
} from "@/api/queries";
import type { ApiToken, Role } from "@/api/types";
import { rich, t } from "@/lib/text";
import { toast } from "@/lib/toast";
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
  Once,
  Section,
  Select,
  Timestamp,
} from "@/ui";
import { ROLES } from "./roles";
import { Rows, Said } from "./rows";

const ENDS = [
  { value: "30", label: t("After 30 days") },
  { value: "90", label: t("After 90 days") },
  { value: "365", label: t("After a year") },
  { value: "never", label: t("Never") },
];

/** API tokens: a person's own, and those of the workspace, for programs. */
export function Tokens() {
  const session = useQuery(sessionQuery);
  return (
    <>
      {session.data?.account && <OwnTokens />}
      <WorkspaceTokens />
    </>
  );
}

function OwnTokens() {
  const [creating, setCreating] = useState(false);
  return (
    <Section
      title={t("Your tokens")}
      description={t("They act as you, never with more than you may yourself, and end with your membership.")}
      flush
      actions={
        <Button size="sm" icon={Plus} onClick={() => setCreating(true)}>
          {t("New personal token")}
        </Button>
      }
    >
      <OwnList />
      {creating && <CreateToken personal onClose={() => setCreating(false)} />}
    </Section>
  );
}

function WorkspaceTokens() {
  const session = useQuery(sessionQuery);
  const may = useMay("admin");
  const [creating, setCreating] = useState(false);
  return (
    <Section
      title={t("Tokens of the workspace")}
      description={t("For programs that call this installation.")}
      flush
      actions={
        may && (
          <Button size="sm" icon={Plus} onClick={() => setCreating(true)}>
            {t("New token")}
          </Button>
        )
      }
    >
      <Loaded query={session}>
        {({ role }) =>
          may ? (
            <WorkspaceList />
          ) : (
            <EmptyState icon={Lock} title={t("Admins manage API tokens")}>
              {t("Your role is {role}. Ask an admin for a token, or for the role.", { role })}
            </EmptyState>
          )
        }
      </Loaded>
      {creating && <CreateToken personal={false} onClose={() => setCreating(false)} />}
    </Section>
  );
}

function OwnList() {
  return (
    <List query={useInfiniteQuery(ownTokensQuery)} revoke={useRevokeOwnToken()} label={t("Your tokens")} />
  );
}

function WorkspaceList() {
  return (
    <List
      query={useInfiniteQuery(tokensQuery)}
      revoke={useRevokeToken()}
      label={t("Tokens of the workspace")}
    />
  );
}

type ListProps = {
  query: Parameters<typeof Rows<ApiToken>>[0]["query"];
  revoke: ReturnType<typeof useRevokeToken>;
  label: string;
};

function List({ query, revoke, label }: ListProps) {
  const [asked, setAsked] = useState<ApiToken | null>(null);
  const confirm = (token: ApiToken) =>
    revoke.mutate(token.id, {
      onSuccess: () => {
        setAsked(null);
        toast.success(t("The token {name} is revoked", { name: token.name }));
      },
      onError: (error) => toastProblem(error, t("The token was not revoked")),
    });
  const none = (
    <EmptyState icon={KeyRound} title={t("No tokens")} className="py-8">
      {t("A token lets a script or another system start runs without signing in.")}
    </EmptyState>
  );
  return (
    <>
      <Rows query={query} label={label} empty={none}>
        {(token) => (
          <>
            <Said
              title={
                <>
                  <span className="truncate">{token.name}</span>
                  <Badge>{token.role}</Badge>
                </>
              }
            >
              {token.person && <>{t("acts as {person}", { person: token.person })} · </>}
              {rich("made {when}", { when: <Timestamp at={token.createdDate} /> })}
              {" · "}
              {token.lastUsed
                ? rich("used {when}", { when: <Timestamp at={token.lastUsed} /> })
                : t("never used")}
              {" · "}
              {token.expires ? (
                <>
                  {Date.parse(token.expires) > Date.now() ? t("ends") : t("ended")}{" "}
                  <Timestamp at={token.expires} ahead />
                </>
              ) : (
                t("does not end")
              )}
            </Said>
            <Button
              size="sm"
              variant="danger"
              aria-label={t("Revoke {name}", { name: token.name })}
              onClick={() => setAsked(token)}
            >
              {t("Revoke")}
            </Button>
          </>
        )}
      </Rows>
      {asked && (
        <ConfirmDialog
          open
          onOpenChange={(open) => !open && setAsked(null)}
          title={t("Revoke the token {name}?", { name: asked.name })}
          action={t("Revoke token")}
          pending={revoke.isPending}
          onConfirm={() => confirm(asked)}
        >
          {t("Whatever uses it is refused from then on. This cannot be undone.")}
        </ConfirmDialog>
      )}
    </>
  );
}

function CreateToken({ personal, onClose }: { personal: boolean; onClose: () => void }) {
  const session = useQuery(sessionQuery);
  const ofWorkspace = useCreateToken();
  const own = useCreateOwnToken();
  const create = personal ? own : ofWorkspace;
  const [name, setName] = useState("");
  const [role, setRole] = useState<Role>(personal ? "viewer" : "operator");
  const [ends, setEnds] = useState(personal ? "90" : "never");
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (!name.trim() || create.isPending) return;
    create.mutate({ name: name.trim(), role, days: ends === "never" ? null : Number(ends) });
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
        title={t("The token {name}", { name: made.name })}
        description={t("Copy it now. It is not kept, and cannot be shown again.")}
        footer={
          <Button variant="primary" onClick={onClose}>
            {t("I have copied it")}
          </Button>
        }
      >
        <Once id="token" copy={<CopyButton text={made.token} label={t("Copy token")} />}>
          {made.token}
        </Once>
        <p className="mt-3 text-muted text-sm">
          {rich("Send it as {code}. What it starts is noted as started by {person}.", {
            code: <code className="font-mono text-xs">Authorization: Bearer …</code>,
            person: <code className="font-mono text-xs">{made.person ?? `token:${made.name}`}</code>,
          })}
        </p>
      </Dialog>
    );
  }
  const upTo = ROLES.findIndex(({ value }) => value === session.data?.role);
  return (
    <Dialog
      open
      onOpenChange={onClose}
      size="sm"
      title={personal ? t("New personal token") : t("New API token")}
      footer={
        <>
          <Button onClick={onClose}>{t("Cancel")}</Button>
          <Button
            variant="primary"
            type="submit"
            form="new-token"
            pending={create.isPending}
            disabled={!name.trim()}
          >
            {t("Create token")}
          </Button>
        </>
      }
    >
      <form id="new-token" onSubmit={submit} className="flex flex-col gap-4">
        <Field
          label={t("Name")}
          hint={t("What will use it: ci, billing, nightly-report.")}
          error={problem && (problem.at("/name") ?? problem.detail ?? problem.title)}
        >
          <Input value={name} maxLength={200} onChange={(event) => setName(event.target.value)} autoFocus />
        </Field>
        <Field label={t("Role")} hint={t("As little as it needs.")}>
          <Select
            value={role}
            onChange={(next) => setRole(next as Role)}
            options={ROLES.slice(0, upTo + 1)}
          />
        </Field>
        <Field label={t("Ends")}>
          <Select value={ends} onChange={setEnds} options={ENDS} />
        </Field>
      </form>
    </Dialog>
  );
}
