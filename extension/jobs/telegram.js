// Where a delivered video can be seen in Telegram.

/**
 * Return the address of a delivered message; null where Telegram has none: chats with one person, and small groups.
 *
 * Channels and supergroups have ids that begin with -100, and links t.me/c/<rest>/<message>; public ones t.me/<name>/<message>
 * (core.telegram.org/api/links, “Message links”).
 */
export function messageAddress({ videoData: { destination }, result }) {
  const { telegramChatId: chat, telegramMessageId: message } = result;
  if (!message) return null;
  if (destination?.startsWith("@")) return `https://t.me/${destination.slice(1)}/${message}`;
  const inside = /^-100(\d+)$/.exec(String(chat));
  return inside ? `https://t.me/c/${inside[1]}/${message}` : null;
}
