import { examples } from './examples.ts'
import { showExample } from './questions.ts'

/** Pictures for those who have none at hand. */
export function Examples() {
  return (
    <section class="examples" aria-labelledby="examples">
      <h2 id="examples">Try one of these</h2>
      <ul>
        {examples.map(example => (
          <li key={example.name}>
            <button type="button" onClick={() => void showExample(example)}>
              <img src={example.url} alt={example.shows} loading="lazy" />
              <span>{example.questions[0]}</span>
            </button>
          </li>
        ))}
      </ul>
    </section>
  )
}
