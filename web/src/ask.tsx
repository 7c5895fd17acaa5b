import { ask, asked, question, show, shown, suggestions } from './questions.ts'

/** The question, those that could be asked, and those that were. */
export function Ask() {
  const others = suggestions.value.filter(text => asked.value.every(one => one.question !== text))
  return (
    <section class="ask" aria-label="Question">
      <form
        onSubmit={event => {
          event.preventDefault()
          if (question.value.trim() !== '') void ask(question.value.trim())
        }}
      >
        <label for="question">Ask about the picture</label>
        <div class="row">
          <input
            id="question"
            value={question}
            placeholder="What is written on the sign?"
            autocomplete="off"
            enterkeyhint="send"
            onInput={event => {
              question.value = event.currentTarget.value
            }}
          />
          <button type="submit" class="primary" disabled={question.value.trim() === ''}>
            Ask
          </button>
        </div>
      </form>
      {(asked.value.length > 1 || others.length > 0) && (
        <ul class="chips" aria-label="Questions about this picture">
          {asked.value.map(one => (
            <li key={one.question}>
              <button type="button" class="chip" aria-pressed={one === shown.value} onClick={() => show(one)}>
                {one.question} <b>{one.found.answer}</b>
              </button>
            </li>
          ))}
          {others.map(text => (
            <li key={text}>
              <button type="button" class="chip new" onClick={() => void ask(text)}>
                {text}
              </button>
            </li>
          ))}
        </ul>
      )}
    </section>
  )
}
