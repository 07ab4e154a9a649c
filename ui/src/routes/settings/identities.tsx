import { useQuery } from "@tanstack/react-query";
import { Link2 } from "lucide-react";
import { useState } from "react";
import { toastProblem } from "@/api/problem";
import { identitiesQuery, useUnlinkIdentity } from "@/api/queries";
import type { LinkedIdentity } from "@/api/types";
import { rich, t } from "@/lib/text";
import { toast } from "@/lib/toast";
import { Button, ConfirmDialog, Loaded, Section, Timestamp } from "@/ui";
import { Said } from "./rows";

/** Back to this section, with the answer of the issuer behind. */
const BACK = encodeURIComponent("/settings?section=profile");

/** Where else one can sign in. Nothing at all where no issuer is set up and none was. */
export function Identities({ hasPassword }: { hasPassword: boolean }) {
  const identities = useQuery(identitiesQuery);
  if (identities.data && identities.data.items.length + identities.data.linkable.length === 0) return null;
  return (
    <Section
      title={t("Single sign-on")}
      description={t(
        "Where else you can sign in as yourself. An e-mail address there may change; the link stays.",
      )}
      flush
    >
      <Loaded query={identities} compact>
        {({ items, linkable }) => (
          <ul aria-label={t("Single sign-on")} className="divide-y">
            {items.map((item) => (
              <Linked key={item.id} item={item} last={!hasPassword && items.length === 1} />
            ))}
            {linkable.map(({ name, title }) => (
              <li
                key={name}
                className="flex min-h-13 flex-wrap items-center gap-x-3 gap-y-1.5 px-4 py-2 text-sm"
              >
                <Said title={title}>{t("not linked")}</Said>
                <Button size="sm" asChild>
                  <a href={`/sign-in/with/${name}?link=true&next=${BACK}`}>
                    <Link2 aria-hidden />
                    {t("Link {title}", { title })}
                  </a>
                </Button>
              </li>
            ))}
          </ul>
        )}
      </Loaded>
    </Section>
  );
}

function Linked({ item, last }: { item: LinkedIdentity; last: boolean }) {
  const unlink = useUnlinkIdentity();
  const [asked, setAsked] = useState(false);
  const title = item.title ?? item.issuer;
  const confirm = () =>
    unlink.mutate(item.id, {
      onSuccess: () => toast.success(t("{title} is unlinked", { title })),
      onError: (error) => toastProblem(error, t("{title} was not unlinked", { title })),
      onSettled: () => setAsked(false),
    });
  return (
    <li className="flex min-h-13 flex-wrap items-center gap-x-3 gap-y-1.5 px-4 py-2 text-sm">
      <Said title={<span className="truncate">{title}</span>}>
        {item.email && <>{item.email} · </>}
        {rich("linked {when} · used {when2}", {
          when: <Timestamp at={item.createdDate} />,
          when2: <Timestamp at={item.lastUsed} />,
        })}
        {item.title === null && t(" · no longer set up here")}
        {last && t(" · your only way to sign in: set a password before you unlink it")}
      </Said>
      {!last && (
        <Button
          size="sm"
          variant="danger"
          aria-label={t("Unlink {title}", { title })}
          onClick={() => setAsked(true)}
        >
          {t("Unlink")}
        </Button>
      )}
      {asked && (
        <ConfirmDialog
          open
          onOpenChange={setAsked}
          title={t("Unlink {title}?", { title })}
          action={t("Unlink")}
          pending={unlink.isPending}
          onConfirm={confirm}
        >
          {t("You cannot sign in with it any more until it is linked again. Your sessions go on.")}
        </ConfirmDialog>
      )}
    </li>
  );
}
