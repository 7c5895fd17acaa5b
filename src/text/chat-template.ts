import { Template } from '@huggingface/jinja'

/** Characters of what a template says of itself that a message shows. */
const maxProblem = 200

/**
 * A user's turn of `images` pictures and a text, in the checkpoint's own chat format, ending where the assistant's
 * answer starts.
 *
 * @param template the Jinja text of `chat_template`
 * @param specials texts of `bos_token` and `eos_token`, which templates may use
 */
export function renderChat(
  template: string,
  images: number,
  text: string,
  specials: Readonly<Record<string, string | undefined>>,
): string {
  const pictures = Array.from({ length: images }, () => ({ type: 'image' }))
  const messages = [{ role: 'user', content: [...pictures, { type: 'text', text }] }]
  try {
    return new Template(template).render({ messages, add_generation_prompt: true, ...specials })
  } catch (cause) {
    const problem = (cause as Error).message.replaceAll(/[\p{Cc}\u2028\u2029]+/gu, ' ').slice(0, maxProblem)
    throw new Error(`chat template: ${problem}. Use the plain prompt instead.`, { cause })
  }
}
