# Runs one program and tells what became of it, as JSON. Evaluated once, when the image is made.
require "json"
require "set"
require "time"
require "date"
require "stringio"
module Edgemesh
  class OutputError < StandardError; end
  OUT, ERR = $stdout, $stderr
  MOST_DEPTH = 100

  def self.encode(value, depth = 0)
    raise OutputError, "the result is nested too deeply" if depth > MOST_DEPTH
    case value
    when nil, true, false, Integer then value
    when String then value.dup.force_encoding("UTF-8").scrub
    when Symbol then value.to_s
    when Float
      return value if value.finite?
      {"$type" => "float", "value" => value.nan? ? "nan" : value > 0 ? "inf" : "-inf"}
    when Array then value.map { |each| encode(each, depth + 1) }
    when Set, Range then value.to_a.map { |each| encode(each, depth + 1) }
    when Hash then value.to_h { |key, each| [key.to_s, encode(each, depth + 1)] }
    else raise OutputError, "the result holds a #{value.class}, which has no form outside"
    end
  end

  def self.failure(error)
    lines = (error.backtrace || []).select { |line| line.start_with?("program.rb") }
    {failure: {type: error.class.name.to_s, message: error.message.to_s.scrub,
               traceback: lines.first(50).map { |line| "  #{line}" }.join("\n")}}
  end

  def self.run(code, inputs, seed)
    srand(seed)
    $output = nil
    TOPLEVEL_BINDING.local_variable_set(:inputs, JSON.parse(inputs))
    begin
      value = eval(code, TOPLEVEL_BINDING, "program.rb")
    rescue SystemExit => left
      return JSON.generate({exit: left.status})
    rescue Exception => error
      return JSON.generate(failure(error))
    ensure
      OUT.flush
      ERR.flush
    end
    begin
      told = $output.nil? ? (encode(value) rescue nil) : encode($output)
      JSON.generate({result: told}, max_nesting: false)
    rescue OutputError => error
      JSON.generate({failure: {type: "OutputError", message: error.message}})
    end
  end
end
$stdout.sync = $stderr.sync = true
Edgemesh.run("[1, 2.5, 'a', {b: nil}].map(&:to_s); format('%05.1f', 1.25); begin; raise 'x'; rescue; 1; end", "{}", 1)
nil
