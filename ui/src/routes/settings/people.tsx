import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Lock, UserPlus } from "lucide-react";
import { type FormEvent, useState } from "react";
import { problemOf, toastProblem } from "@/api/problem";
import {
  invitationsQuery,
  peopleQuery,
  sessionQuery,
  useChangeRole,
  useInvite,
  useMay,
  useRemovePerson,
  useWithdrawInvitation,
} from "@/api/queries";
import type { Member, Role } from "@/api/types";
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

/** Who is in this workspace, and who is invited. Admins only. */
export function People() {
  const session = useQuery(sessionQuery);
  const may = useMay("admin");
  const [inviting, setInviting] = useState(false);
  return (
    <>
      <Section
        title={t("People")}
        description={
          session.data &&
          t("In the workspace {workspaceName}.", { workspaceName: session.data.workspaceName })
        }
        flush
        actions={
          may && (
            <Button size="sm" icon={UserPlus} onClick={() => setInviting(true)}>
              {t("Invite")}
            </Button>
          )
        }
      >
        <Loaded query={session}>
          {({ role, account }) =>
            may ? (
              <Members me={account?.id} />
            ) : (
              <EmptyState icon={Lock} title={t("Admins manage people")}>
                {t("Your role is {role}. Ask an admin to invite somebody, or for the role.", { role })}
              </EmptyState>
            )
          }
        </Loaded>
      </Section>
      {may && <Invitations />}
      {inviting && <Invite onClose={() => setInviting(false)} />}
    </>
  );
}

function Members({ me }: { me: string | undefined }) {
  const query = useInfiniteQuery(peopleQuery);
  const change = useChangeRole();
  const remove = useRemovePerson();
  const [asked, setAsked] = useState<Member | null>(null);
  const none = (
    <EmptyState title={t("Nobody yet")} className="py-8">
      {t("Only tokens know this workspace. Invite somebody.")}
    </EmptyState>
  );
  return (
    <>
      <Rows query={query} label={t("People")} empty={none}>
        {(person) => (
          <>
            <Said
              title={
                <>
                  <span className="truncate">{person.name}</span>
                  {person.id === me && <Badge>{t("you")}</Badge>}
                  {person.disabled && <Badge tone="failed">{t("disabled")}</Badge>}
                </>
              }
            >
              {rich("{email} · here since {when}", {
                email: person.email ?? t("no e-mail address"),
                when: <Timestamp at={person.joinedDate} />,
              })}
              {person.lastUsed && (
                <>
                  {" · "}
                  {rich("seen {when}", { when: <Timestamp at={person.lastUsed} /> })}
                </>
              )}
            </Said>
            <div className="flex items-center gap-3">
              <Select
                className="w-32"
                label={t("Role of {name}", { name: person.name })}
                value={person.role}
                options={ROLES}
                onChange={(role) =>
                  change.mutate(
                    { id: person.id, role: role as Role },
                    {
                      onSuccess: () =>
                        toast.success(t("{name} is {role} now", { name: person.name, role }), {
                          description: t("Their sessions here are ended."),
                        }),
                      onError: (error) => toastProblem(error, t("The role was not changed")),
                    },
                  )
                }
              />
              <Button
                size="sm"
                variant="danger"
                aria-label={t("Remove {name}", { name: person.name })}
                onClick={() => setAsked(person)}
              >
                {t("Remove")}
              </Button>
            </div>
          </>
        )}
      </Rows>
      {asked && (
        <ConfirmDialog
          open
          onOpenChange={(open) => !open && setAsked(null)}
          title={t("Remove {name} from this workspace?", { name: asked.name })}
          action={t("Remove")}
          pending={remove.isPending}
          onConfirm={() =>
            remove.mutate(asked.id, {
              onSuccess: () => {
                setAsked(null);
                toast.success(t("{name} is removed", { name: asked.name }));
              },
              onError: (error) => toastProblem(error, t("Nobody was removed")),
            })
          }
        >
          {t("Their sessions and their own tokens here end at once. What they made stays.")}
        </ConfirmDialog>
      )}
    </>
  );
}

function Invitations() {
  const query = useInfiniteQuery(invitationsQuery);
  const withdraw = useWithdrawInvitation();
  if (query.data?.pages[0]?.items.length === 0) return null;
  return (
    <Section title={t("Invitations")} description={t("Nobody has accepted these yet.")} flush>
      <Rows query={query} label={t("Invitations")}>
        {(item) => (
          <>
            <Said
              title={
                <>
                  <span className="truncate">{item.email}</span>
                  <Badge>{item.role}</Badge>
                </>
              }
            >
              {rich("by {createdBy} {when}", {
                createdBy: item.createdBy,
                when: <Timestamp at={item.createdDate} />,
              })}{" "}
              · {Date.parse(item.expires) > Date.now() ? t("ends") : t("ended")}{" "}
              <Timestamp at={item.expires} ahead />
            </Said>
            <Button
              size="sm"
              aria-label={t("Withdraw the invitation of {email}", { email: item.email })}
              onClick={() =>
                withdraw.mutate(item.id, {
                  onSuccess: () =>
                    toast.success(t("The invitation of {email} is withdrawn", { email: item.email })),
                  onError: (error) => toastProblem(error, t("The invitation was not withdrawn")),
                })
              }
            >
              {t("Withdraw")}
            </Button>
          </>
        )}
      </Rows>
    </Section>
  );
}

function Invite({ onClose }: { onClose: () => void }) {
  const invite = useInvite();
  const [email, setEmail] = useState("");
  const [role, setRole] = useState<Role>("viewer");
  const problem = invite.error ? problemOf(invite.error) : null;
  const made = invite.data;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (email.trim() && !invite.isPending) invite.mutate({ email: email.trim(), role });
  };
  if (made) {
    return (
      <Dialog
        open
        onOpenChange={onClose}
        sticky
        size="md"
        title={t("{email} is invited", { email: made.email })}
        description={
          made.mailed
            ? t("A mail with this link is on its way. It is not shown again.")
            : t("Give them this link. It is not shown again.")
        }
        footer={
          <Button variant="primary" onClick={onClose}>
            {t("Done")}
          </Button>
        }
      >
        <Once id="invitation" copy={<CopyButton text={made.link} label={t("Copy link")} />}>
          {made.link}
        </Once>
        <p className="mt-3 text-muted text-sm">
          {t("It works once, for 7 days. Whoever opens it first is that person, so send it to nobody else.")}
        </p>
      </Dialog>
    );
  }
  return (
    <Dialog
      open
      onOpenChange={onClose}
      size="sm"
      title={t("Invite somebody")}
      footer={
        <>
          <Button onClick={onClose}>{t("Cancel")}</Button>
          <Button
            variant="primary"
            type="submit"
            form="invite"
            pending={invite.isPending}
            disabled={!email.trim()}
          >
            {t("Invite")}
          </Button>
        </>
      }
    >
      <form id="invite" onSubmit={submit} className="flex flex-col gap-4">
        <Field
          label={t("E-mail")}
          error={problem && (problem.at("/email") ?? problem.detail ?? problem.title)}
        >
          <Input
            type="email"
            value={email}
            maxLength={254}
            onChange={(event) => setEmail(event.target.value)}
            autoFocus
          />
        </Field>
        <Field label={t("Role")} hint={t("It can be changed later.")}>
          <Select value={role} onChange={(next) => setRole(next as Role)} options={ROLES} />
        </Field>
      </form>
    </Dialog>
  );
}
